// Writes the pages of docs/ that are made from the code: `npm run docs`.
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pages } from './pages.js';

const root = resolve(import.meta.dirname, '..', '..');
for (const [name, content] of Object.entries(await pages(root))) {
  await writeFile(join(root, 'docs', name), content);
  console.log(`docs/${name}`);
}

// Looks for dead links in a static site: files and anchors that its pages name and that are not there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(process.argv[2] ?? '');
const pages = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
const texts = new Map(pages.map((name) => [join(root, name), readFileSync(join(root, name), 'utf8')]));
const unescaped = (text: string) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");
const anchors = (text: string) =>
  new Set([...text.matchAll(/\b(?:id|name)="([^"]*)"/g)].map(([, id]) => unescaped(id)));
const anchorsOf = new Map([...texts].map(([file, text]) => [file, anchors(text)]));

const dead = new Set<string>();
let count = 0;
for (const [file, text] of texts) {
  for (const [, link] of text.matchAll(/\b(?:href|src)="([^"]*)"/g)) {
    if (/^(https?:|data:|mailto:)/.test(link)) continue;
    count++;
    const [path, anchor] = unescaped(link).split('#');
    const target = path === '' ? file : join(dirname(file), decodeURI(path));
    const known = anchorsOf.get(target);
    const there =
      existsSync(target) && (anchor === undefined || anchor === '' || !known || known.has(decodeURI(anchor)));
    if (!there) dead.add(`${relative(root, file)}: ${link}`);
  }
}
if (pages.length === 0 || dead.size > 0) {
  console.error(pages.length === 0 ? `${root}: expected pages, found none` : [...dead].join('\n'));
  process.exitCode = 1;
} else console.log(`${pages.length} pages, ${count} links, none of them dead`);

// The pages of docs/ that are made from the code are up to date, and the pages written by hand link to what is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawArchitecture, necessaryImports } from '../scripts/architectureDocs.js';
import { pages } from '../scripts/pages.js';

const root = resolve(import.meta.dirname, '..');

describe('docs/', () => {
  it('has the pages that the code makes (if not: npm run docs)', async () => {
    for (const [name, content] of Object.entries(await pages(root))) {
      expect(readFileSync(join(root, 'docs', name), 'utf8'), name).toBe(content);
    }
  });

  it('gives every command an example, and every option a description', async () => {
    const { 'commands.md': text } = await pages(root);
    const sections = text.split(/^## /m).slice(1);
    expect(sections.length).toBeGreaterThan(10);
    expect(sections.filter((section) => !section.includes('Example'))).toEqual([]);
    const bare = [...text.matchAll(/^ {2}(-\S.*)$/gm)].map(([, line]) => line).filter((line) => !/\s{2,}\S/.test(line));
    expect(bare.filter((line) => line.length < 40)).toEqual([]);
  });

  it('links only to files that exist', () => {
    const files = ['README.md', 'CONTRIBUTING.md', 'BENCHMARKS.md', 'models/README.md', 'examples/README.md'];
    for (const name of readdirSync(join(root, 'docs'))) if (name.endsWith('.md')) files.push(`docs/${name}`);
    const broken = files.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link);
      return links
        .filter((link) => !/^https?:/.test(link) && !existsSync(join(root, dirname(file), link)))
        .map((link) => `${file}: ${link}`);
    });
    expect(broken).toEqual([]);
  });
});

describe('README.md', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');

  it('links to what the package holds', () => {
    const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((link) => !files.some((file) => link === file || link.startsWith(`${file}/`)))).toEqual([]);
  });

  it('is read in one go', () => {
    expect(readme.split('\n').length).toBeLessThan(200);
  });
});

describe('the scripts of package.json', () => {
  it('are understood by every shell', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const others = Object.values<string>(scripts).filter((script) =>
      /(^|&& )(rm|cp|mv|mkdir|chmod|export|cat|sh|bash|[A-Z_]+=\S*) |[$;'`|]|\bcd /.test(script),
    );
    expect(others).toEqual([]);
  });
});

describe('the architecture picture', () => {
  it('leaves out imports that a chain of others implies', () => {
    const imports = new Map([
      ['cli', new Set(['train', 'base'])],
      ['train', new Set(['base'])],
      ['base', new Set<string>()],
    ]);
    expect(necessaryImports(imports)).toEqual([
      ['cli', 'train'],
      ['train', 'base'],
    ]);
    expect(drawArchitecture(imports)).toMatch(/<svg[\s\S]*cli\/[\s\S]*train\/[\s\S]*base\//);
  });

  it('asks for words about a folder it does not know', () => {
    expect(() => drawArchitecture(new Map([['news', new Set<string>()]]))).toThrow('src/news');
  });
});

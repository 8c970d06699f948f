// docs/compatibility.md: behind each row stands a test of the name that its last column gives.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs', 'compatibility.md'), 'utf8');
/** Where names without a file are: in the file that was named before, or here. */
const usual = 'segment/foreignKinds';

/** The tests that a cell names: "`media/video`: reads …; takes no cover", or "one map; pixels". */
function testsOf(cell: string): { files: string[]; words: string[] }[] {
  let file = usual;
  return cell.split(/[,;] (?=`)|; /).map((part) => {
    const [, named, name = ''] = /^(?:`([\w/]+)`(?:: )?)?(.*)$/.exec(part.trim()) ?? [];
    if (named === undefined) return { files: [file, usual], words: wordsOf(name) };
    file = named;
    return { files: [file], words: wordsOf(name) };
  });
}

/** What stands between "…" in a name. */
function wordsOf(name: string): string[] {
  return name
    .split('…')
    .map((words) => words.trim())
    .filter((words) => words !== '');
}

const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (what|---)/.test(line))
  .map((line) => line.split(' | '))
  .map((cells) => ({ what: cells[0].slice(2), tests: testsOf(cells[cells.length - 1].replace(/ \|$/, '')) }));

it('every kind of input has a test', () => {
  expect(rows.length).toBeGreaterThan(60);
  const contentOf = (file: string) => {
    const path = join(root, 'test', `${file}.test.ts`);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  };
  const isThere = (file: string, words: readonly string[]) =>
    words.every((part) => contentOf(file)?.includes(part) ?? false) && contentOf(file) !== undefined;
  const missing = rows.flatMap(({ what, tests }) =>
    tests.filter(({ files, words }) => !files.some((file) => isThere(file, words))).map((test) => ({ what, ...test })),
  );
  expect(missing).toEqual([]);
});

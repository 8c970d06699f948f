// The folders of src/ import only from those above them in DESIGN's list: base, tensor, onnx, …, cli.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..', 'src');
const order = [
  'base',
  'tensor',
  'onnx',
  'autodiff',
  'runtime',
  'weights',
  'media',
  'nets',
  'losses',
  'flow',
  'metrics',
  'toycity',
  'data',
  'segment',
  'collective',
  'train',
  'adapt',
  'quantize',
  'report',
  'demo',
  'cli',
];

function sourceFiles(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
}

/** Paths below src/. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) =>
    relative(root, resolve(root, dirname(file), match[1])),
  );
}

describe('folder order', () => {
  it('knows every folder', () => {
    const folders = new Set(sourceFiles().map((file) => file.split('/')[0]));
    const unknown = [...folders].filter((folder) => !order.includes(folder) && !folder.endsWith('.ts'));
    expect(unknown).toEqual([]);
  });

  for (const file of sourceFiles()) {
    const folder = file.split('/')[0];
    if (!order.includes(folder)) continue;
    it(`${file} imports only from folders above it`, () => {
      const below = importsOf(file).filter((path) => order.indexOf(path.split('/')[0]) > order.indexOf(folder));
      expect(below).toEqual([]);
      const fromIndex = importsOf(file).filter((path) => !path.includes('/'));
      expect(fromIndex).toEqual([]);
    });
  }

  it('has no files that need each other', () => {
    const needs = new Map(
      sourceFiles().map((file) => [file, importsOf(file).map((path) => path.replace(/js$/, 'ts'))]),
    );
    const done = new Set<string>();
    const visit = (file: string, way: readonly string[]) => {
      expect(way, `a circle of imports: ${[...way, file].join(' → ')}`).not.toContain(file);
      if (done.has(file)) return;
      for (const next of needs.get(file) ?? []) visit(next, [...way, file]);
      done.add(file);
    };
    for (const file of needs.keys()) visit(file, []);
  });

  it('is what CONTRIBUTING.md says', () => {
    const text = readFileSync(resolve(import.meta.dirname, '..', 'CONTRIBUTING.md'), 'utf8');
    expect(text).toContain(order.join(', '));
  });

  it('has a first line in every file that says what it is', () => {
    const silent = sourceFiles().filter((file) => {
      const first = readFileSync(join(root, file), 'utf8').split('\n').slice(0, 2);
      return !(first[0].startsWith('// ') || (first[0].startsWith('#!') && first[1].startsWith('// ')));
    });
    expect(silent).toEqual([]);
  });
});

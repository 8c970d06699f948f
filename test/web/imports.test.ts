// The browser entry: what it can reach is code for browsers.

import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..', '..');
/** Names of the package's own that mean another file in browsers. */
const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** All files reachable from a compiled one, and the packages they name; dynamic imports and workers count. */
function reachableFrom(entry: string, condition: 'browser' | 'default'): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const walk = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, 'utf8');
    for (const [, name] of text.matchAll(/(?:\bfrom|\bimport|\bimport\(|new URL\()\s*['"]([^'"]+)['"]/g)) {
      if (name.startsWith('.')) walk(resolve(dirname(file), name));
      else if (imports[name]) walk(resolve(root, imports[name][condition]));
      else packages.add(name);
    }
  };
  walk(entry);
  return { files, packages };
}

it('reaches no Node built-in, and of packages only those that run in browsers', () => {
  const { files, packages } = reachableFrom(fileURLToPath(import.meta.resolve('#src/web.js')), 'browser');
  expect(files.size).toBeGreaterThan(20);
  const builtins = [...packages].filter((name) => name.startsWith('node:') || builtinModules.includes(name));
  expect(builtins).toEqual([]);
  expect([...packages].sort()).toEqual([
    '@bufbuild/protobuf/wire',
    'onnxruntime-web/wasm',
    'onnxruntime-web/webgpu',
    'valibot',
  ]);
});

it('would see one: the entry for Node reaches many', () => {
  const { packages } = reachableFrom(fileURLToPath(import.meta.resolve('#src/index.js')), 'default');
  expect([...packages]).toEqual(expect.arrayContaining(['node:fs/promises', 'onnxruntime-node', 'sharp']));
});

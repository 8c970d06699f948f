// What is installed with the package: pinned, with digests and licences, and nothing of it runs by itself.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bill = JSON.parse(readFileSync(join(root, 'sbom.cdx.json'), 'utf8'));
const locked: Record<string, { dependencies?: object; optionalDependencies?: object }> = JSON.parse(
  readFileSync(join(root, 'package-lock.json'), 'utf8'),
).packages;

it('has exact versions', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^(npm:(@?[\w./-]+)@)?\d+\.\d+\.\d+(-[\w.]+)?$/)]);
  }
});

it('has no script that npm runs by itself', () => {
  const lifecycle =
    /^(pre|post)?(install|pack|publish|prepare|version|test|start|stop|restart|uninstall|shrinkwrap)$|^(prepublishOnly|dependencies)$/;
  const found = Object.keys(manifest.scripts).filter((name) => lifecycle.test(name) && name !== 'test');
  expect(found).toEqual([]);
  expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
});

it('lists every package with its licence and digest', () => {
  const { components } = bill;
  for (const name of Object.keys(manifest.dependencies)) {
    expect(components.map((one: { name: string }) => one.name)).toContain(name);
  }
  // And what each of them needs, also where the development needs it, too.
  const names = new Set(components.map((one: { name: string }) => one.name));
  for (const [path, needs] of Object.entries(locked)) {
    if (!names.has(path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))) continue;
    const all = Object.keys({ ...needs.dependencies, ...needs.optionalDependencies });
    expect([path, all.filter((name) => `node_modules/${name}` in locked && !names.has(name))]).toEqual([path, []]);
  }
  for (const { name, licenses, hashes } of components) {
    expect([name, JSON.stringify(licenses)]).toEqual([name, expect.not.stringContaining('unknown')]);
    expect([name, hashes?.[0]?.content?.length]).toEqual([name, 128]);
  }
});

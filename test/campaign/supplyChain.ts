// What a user installs along: exact versions, no scripts, a bill of materials.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Case, main } from './harness.js';

const root = resolve(dirname(main), '..', '..');
const lifecycle = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'prepublishOnly', 'prepack'];

/** A package in the lock file. */
interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

export const supplyChain: Case = {
  name: 'trust/supply-chain',
  fault: 'dependencies that change, or run scripts when they are installed',
  promise: 'exact versions with digests, no lifecycle scripts, licences and a bill of materials, a page on security',
  async run() {
    const faults: string[] = [];
    const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));
    const { dependencies, scripts, files } = read('package.json');
    for (const [name, version] of Object.entries<string>(dependencies)) {
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) faults.push(`${name}: not one version: ${version}`);
    }
    for (const name of lifecycle) if (scripts[name] !== undefined) faults.push(`a script ${name}`);
    if (!existsSync(join(root, '.npmrc')) || !/ignore-scripts=true/.test(readFileSync(join(root, '.npmrc'), 'utf8'))) {
      faults.push('scripts of others are run');
    }
    const locked: Readonly<Record<string, Locked>> = read('package-lock.json').packages;
    const installed = Object.entries(locked).filter(
      ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional,
    );
    for (const [path, { integrity }] of installed) if (integrity === undefined) faults.push(`${path}: no digest`);
    for (const name of ['SECURITY.md', 'docs/licences.md', 'sbom.cdx.json']) {
      if (!existsSync(join(root, name))) faults.push(`no ${name}`);
    }
    for (const name of ['SECURITY.md', 'sbom.cdx.json']) {
      if (!files.includes(name)) faults.push(`${name} is not in the package`);
    }
    if (existsSync(join(root, 'sbom.cdx.json'))) {
      const known = new Set(
        read('sbom.cdx.json').components.map(({ name, group, version }: Record<string, string>) =>
          [group === undefined ? name : `${group}/${name}`, version].join('@'),
        ),
      );
      for (const [path, { version }] of installed) {
        const name = path.split('node_modules/').at(-1);
        if (!known.has(`${name}@${version}`)) faults.push(`${name}@${version} is not in the bill of materials`);
      }
    }
    return { runs: 1, faults, seen: `${installed.length} packages` };
  },
};

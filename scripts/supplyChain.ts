// What the package brings along, out of package-lock.json: a page of licences, and a software bill of materials (CycloneDX 1.5).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  /** Needed by the development, and by choice by what is installed. */
  readonly devOptional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** Licences that stand in a file of the package, not in its manifest. */
const readByHand = new Map([['@shinyoshiaki/jspack', 'BSD-3-Clause']]);

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly integrity: string;
  /** For some systems only, or by choice. */
  readonly optional: boolean;
}

interface Lock {
  readonly version: string;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

async function readLock(root: string): Promise<Lock> {
  return JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
}

/** Where npm finds a package by its name: nearest to the one that needs it. */
function resolved({ packages }: Lock, name: string, from: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (packages[path]) return path;
    if (folder === '') return undefined;
  }
}

/** Paths of what is installed with the package: what it needs, what that needs, and so on; not what only its development needs. */
function installedPaths(lock: Lock): Set<string> {
  const found = new Set<string>();
  const follow = (from: string) => {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = lock.packages[from];
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => !peerDependenciesMeta?.[name]?.optional);
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const path = resolved(lock, name, from);
      if (path === undefined || found.has(path)) continue;
      found.add(path);
      follow(path);
    }
  };
  follow('');
  return found;
}

function componentsOf(lock: Lock): Component[] {
  return [...installedPaths(lock)]
    .map((path) => {
      const { version = '', license, integrity = '', optional, devOptional } = lock.packages[path];
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const licence = license ?? readByHand.get(name) ?? 'unknown';
      return { name, version, licence, integrity, optional: (optional || devOptional) ?? false };
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
}

/** The page of licences. */
export async function licencePage(root: string): Promise<string> {
  const components = componentsOf(await readLock(root));
  const rows = components.map(
    ({ name, version, licence, optional }) =>
      `| ${name} | ${version} | ${licence} | ${optional ? 'some systems only' : ''} |`,
  );
  return `# Licences

What is installed with steadyseg, from \`package-lock.json\` (\`npm run docs\` writes this page). Each package holds the text of its
licence; dependencies.md says what the binaries of node-av and sharp contain. The same list for programs is \`sbom.cdx.json\`.

| package | version | licence | |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

/** The bill of materials. Nothing in it depends on when or where it is made. */
export async function billOfMaterials(root: string): Promise<string> {
  const lock = await readLock(root);
  const purl = (name: string, version: string) => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;
  const components = componentsOf(lock).map(({ name, version, licence, integrity, optional }) => {
    const [algorithm, digest] = integrity.split('-');
    return {
      type: 'library',
      'bom-ref': purl(name, version),
      name,
      version,
      scope: optional ? 'optional' : 'required',
      licenses: [/[ ()]/.test(licence) ? { expression: licence } : { license: { id: licence } }],
      purl: purl(name, version),
      ...(algorithm === 'sha512' && {
        hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }],
      }),
    };
  });
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': purl('steadyseg', lock.version),
        name: 'steadyseg',
        version: lock.version,
        licenses: [{ license: { id: 'MIT' } }],
        purl: purl('steadyseg', lock.version),
      },
    },
    components,
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

// What the package brings along, out of package-lock.json: a page of licences, and a software bill of materials (CycloneDX 1.5).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
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

/** What is installed with the package, without what only its development needs. */
function componentsOf({ packages }: Lock): Component[] {
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path, { version = '', license, integrity = '', optional = false }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, version, licence: license ?? readByHand.get(name) ?? 'unknown', integrity, optional };
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

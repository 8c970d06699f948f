// Builds dist/ incrementally with TypeScript: `npm run build`. Plain JavaScript, since it runs before anything is compiled.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const record = join(dist, '.tsbuildinfo');

/** Every file of dist/ but the compiler's own record. */
const builtFiles = () =>
  existsSync(dist)
    ? readdirSync(dist, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== '.tsbuildinfo')
        .map((entry) => join(entry.parentPath, entry.name))
    : [];

// The compiler trusts its record: what was changed or written after it is built afresh.
const recorded = existsSync(record) ? statSync(record).mtimeMs : 0;
if (builtFiles().some((file) => statSync(file).mtimeMs > recorded)) rmSync(dist, { recursive: true });

const compiler = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});

// Removed sources leave nothing behind.
for (const file of builtFiles()) {
  const source = join(root, 'src', file.slice(dist.length).replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts'));
  if (!existsSync(source)) rmSync(file);
}
const program = join(dist, 'cli', 'main.js');
if (existsSync(program)) chmodSync(program, 0o755);
process.exitCode = status ?? 1;

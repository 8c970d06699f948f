// Packs the check of a GPU for machines that have nothing but one: Node, the engine's library, a Vulkan loader, networks, script.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/** So that it can be sent by mail, or pasted into a notebook's upload. */
const MAX_PACK_BYTES = 60e6;
/** What it unpacks to. */
const name = 'steadyseg-gpu-check';
/** Where systems keep their libraries. */
const libraries = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];

const start = `#!/bin/sh
# Tells whether this machine's GPU computes what its CPU computes, and how fast: ./run [--size 512x1024] [--parity]
cd "$(dirname "$0")" || exit 1
LD_LIBRARY_PATH="$PWD/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec ./node check/bundle/gpuCheck.mjs "$@"
`;

/**
 * @param root of the checkout. @param file a .tar.xz that is not there yet.
 * @returns its size in bytes.
 * @throws Error on other systems than Linux, of what is no checkout, without a Vulkan loader, or when it becomes too large.
 */
export async function packCheck(root: string, file: string): Promise<number> {
  if (existsSync(file)) throw new Error(`${file}: it is there already; choose another name`);
  if (process.platform !== 'linux')
    throw new Error(`expected Linux, whose programs are packed, found ${process.platform}`);
  const temporary = mkdtempSync(`${resolve(file)}.`);
  try {
    const folder = join(temporary, name);
    for (const part of ['models', join('bench', 'peer')]) {
      const path = join(root, part);
      if (!existsSync(path)) throw new Error(`${path}: it is not there; only a checkout can be packed`);
      cpSync(path, join(folder, part), { recursive: true, filter: (one) => !one.endsWith('__pycache__') });
    }
    const loader = libraries.map((folder) => join(folder, 'libvulkan.so.1')).find((path) => existsSync(path));
    if (!loader) throw new Error('expected a Vulkan loader, libvulkan.so.1 (Debian: package libvulkan1), found none');
    mkdirSync(join(folder, 'lib'));
    copyFileSync(realpathSync(process.execPath), join(folder, 'node'));
    copyFileSync(realpathSync(loader), join(folder, 'lib', 'libvulkan.so.1'));
    writeFileSync(join(folder, 'run'), start);
    for (const program of ['node', 'run']) chmodSync(join(folder, program), 0o755);
    copyEngine(join(folder, 'node_modules'));
    // Not there where the packed check runs.
    const { build } = await import('esbuild');
    await build({
      entryPoints: [join(root, 'scripts', 'gpuCheck.ts')],
      outfile: join(folder, 'check', 'bundle', 'gpuCheck.mjs'),
      ...{ bundle: true, format: 'esm', platform: 'node', logLevel: 'error' },
      external: ['onnxruntime-node', 'esbuild'],
    });
    const packed = join(temporary, 'packed');
    const { status, stderr } = spawnSync('tar', ['-cJf', packed, '-C', temporary, name], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tar: ${stderr.trim()}`);
    const { size } = statSync(packed);
    if (size > MAX_PACK_BYTES) throw new Error(`${file}: expected at most ${MAX_PACK_BYTES} bytes, found ${size}`);
    renameSync(packed, file);
    return size;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The engine's packages, with the library for this platform only. */
function copyEngine(into: string): void {
  const require = createRequire(import.meta.url);
  const engine = packageFolder(require.resolve('onnxruntime-node'), 'onnxruntime-node');
  const common = packageFolder(
    createRequire(join(engine, 'package.json')).resolve('onnxruntime-common'),
    'onnxruntime-common',
  );
  const platform = join('bin', 'napi-v6', process.platform, process.arch);
  for (const part of ['package.json', 'dist', platform]) {
    cpSync(join(engine, part), join(into, 'onnxruntime-node', part), { recursive: true });
  }
  for (const part of ['package.json', join('dist', 'cjs')]) {
    cpSync(join(common, part), join(into, 'onnxruntime-common', part), { recursive: true });
  }
}

/** The folder of a package that a file of it lies in. */
function packageFolder(path: string, of: string): string {
  const folder = dirname(path);
  return folder.endsWith(join('node_modules', of)) ? folder : packageFolder(folder, of);
}

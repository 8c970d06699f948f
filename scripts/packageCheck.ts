// Checks the package as others get it: packs it, installs it into an empty project, runs its bin, types and entries.
// `npm run package-check`, after `npm run build`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'steadyseg-package-'));
const project = join(folder, 'project');

function step(name: string, work: () => string | undefined): void {
  const result = work()?.trim();
  console.log(`ok  ${name}${result ? `: ${result}` : ''}`);
}

function run(command: string, args: readonly string[], cwd = project): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

const tool = (...path: string[]) => join(root, 'node_modules', ...path);

try {
  mkdirSync(project);
  let tarball = '';
  step('npm pack', () => {
    const [packed]: { filename: string; size: number; files: { path: string }[] }[] = JSON.parse(
      run('npm', ['pack', '--json', '--pack-destination', folder], root),
    );
    tarball = join(folder, packed.filename);
    const others = packed.files.filter(
      ({ path }) =>
        !/^(dist|models|configs|docs|examples)\/|^(package\.json|sbom\.cdx\.json|LICENSE|[A-Z]+\.md)$/.test(path),
    );
    if (others.length > 0) throw new Error(`files that do not belong: ${others.map(({ path }) => path).join(', ')}`);
    return `${packed.files.length} files, ${(packed.size / 1e6).toFixed(2)} MB`;
  });
  step('publint', () =>
    run(process.execPath, [tool('publint', 'src', 'cli.js'), '--strict', tarball])
      .split('\n')
      .at(-2),
  );
  step('are the types wrong', () => {
    run(process.execPath, [tool('@arethetypeswrong', 'cli', 'dist', 'index.js'), tarball, '--profile', 'esm-only']);
    return undefined;
  });
  step('npm install into an empty project, install scripts off', () => {
    writeFileSync(join(project, 'package.json'), '{ "name": "empty", "type": "module", "private": true }\n');
    run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--silent', tarball]);
    return undefined;
  });
  step('the bin', () => run(join(project, 'node_modules', '.bin', 'steadyseg'), ['--version']));
  step('the entry for Node', () => {
    writeFileSync(
      join(project, 'node.mjs'),
      `import { convert, loadModel, presetClasses } from 'steadyseg';
import { supportedDevices } from 'steadyseg/onnx';
if (typeof loadModel !== 'function' || typeof convert !== 'function') throw new Error('functions are missing');
console.log(presetClasses('camvid').classes.length, 'classes, on', supportedDevices().join(', '));`,
    );
    return run(process.execPath, ['node.mjs']);
  });
  step('the other entries for Node', () => {
    writeFileSync(
      join(project, 'entries.mjs'),
      `import { readPicture } from 'steadyseg/media';
import { meanIoU } from 'steadyseg/metrics';
import { gradients } from 'steadyseg/onnx';
import { openDataset } from 'steadyseg/train';
console.log([readPicture, meanIoU, gradients, openDataset].map(({ name }) => name).join(', '));`,
    );
    return run(process.execPath, ['entries.mjs']);
  });
  step('the entry for browsers', () => {
    symlinkSync(tool('onnxruntime-web'), join(project, 'node_modules', 'onnxruntime-web'));
    writeFileSync(
      join(project, 'web.mjs'),
      `import { imageOfCanvas, loadModel } from 'steadyseg/web';
const refused = await loadModel(new Uint8Array(3)).catch((thrown) => thrown.message);
console.log(imageOfCanvas({ width: 1, height: 1, data: new Uint8ClampedArray(4) }).data.length, refused);`,
    );
    return run(process.execPath, ['web.mjs']);
  });
  step('the types', () => {
    writeFileSync(
      join(project, 'types.mts'),
      `import { loadModel, type SegmentationModel, type Segmentation } from 'steadyseg';
import { type OpticalFlow, readFlo } from 'steadyseg/media';
import { meanIoU, meanIoUCounts } from 'steadyseg/metrics';
import { createGraph, gradients, input, ops } from 'steadyseg/onnx';
import type { Dataset } from 'steadyseg/train';
import { loadModel as loadInBrowser } from 'steadyseg/web';
const model: SegmentationModel = await loadModel('network.onnx', { threads: 1 });
const result: Segmentation = await model.segment({ width: 1, height: 1, data: new Uint8Array(3) }, { flip: true });
// @ts-expect-error a path is no option
await loadModel({ path: 'network.onnx' });
export const ids: Uint8Array = result.labels.data;
export const flow: OpticalFlow = await readFlo('flow.flo');
export const samples = (data: Dataset): number => data.count;
const x = input(createGraph('square'), 'x', 'float32', [1]);
export const slope = gradients(x.graph, ops.mul(x, x), [x]);
export const counted = meanIoU(meanIoUCounts(result.labels, result.labels, 2), 'semseg');
export const other: SegmentationModel = await loadInBrowser(new URL('https://example.org/network.onnx'));`,
    );
    // A configuration in a folder above is not this project's.
    const options = '--ignoreConfig --noEmit --strict --target es2022 --module nodenext --skipLibCheck --lib'.split(
      ' ',
    );
    const tsc = tool('@typescript', 'native', 'bin', 'tsc');
    run(process.execPath, [tsc, ...options, 'es2023,dom', 'types.mts']);
    return undefined;
  });
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  step('dependencies', () => Object.keys(dependencies).join(', '));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

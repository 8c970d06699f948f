// Networks in 8-bit integers against the float ones they were made of: speed in turns, size, agreement, where the arithmetic runs.
// Usage: npm run bench -- out/bench/quantize.js --calibrate FRAMES [--threads 2] [--frames 12] [--tune STEPS] [--budget 0.99]
//        [--size 512x1024] [pspnet18 pspnet-mobilenetv2 NETWORK.onnx …]
// Networks by name have first weights: their speed is true, their agreement means nothing, so no budget holds for them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, SteadysegError } from '#src/base/errors.js';
import { buildModel } from '#src/nets/model.js';
import { writeModel } from '#src/onnx/write.js';
import { quantize } from '#src/quantize/quantize.js';

/** Any agreement will do. */
const noBudget = 1e-6;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      calibrate: { type: 'string' },
      threads: { type: 'string', default: '2' },
      frames: { type: 'string', default: '12' },
      tune: { type: 'string', default: '0' },
      budget: { type: 'string', default: '0.99' },
      size: { type: 'string', default: '512x1024' },
    },
  });
  if (values.calibrate === undefined) throw new SteadysegError('expected --calibrate FRAMES, found none');
  const networks = positionals.length > 0 ? positionals : ['pspnet18', 'pspnet-mobilenetv2'];
  const [height, width] = values.size.split('x').map(Number);
  const folder = mkdtempSync(join(tmpdir(), 'steadyseg-bench-quantize-'));
  console.log(`${values.threads} threads, calibrated on ${values.calibrate}\n`);
  console.log('| network | float ms | integer ms | speed | MB | agreement | integer share | weights | left float |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  try {
    for (const network of networks) {
      const isFile = network.endsWith('.onnx');
      const model = isFile ? network : join(folder, `${network}.onnx`);
      if (!isFile) writeFileSync(model, writeModel(buildModel({ architecture: network, classes: 19, height, width })));
      const cells = await quantize({
        ...{ model, calibrate: values.calibrate, out: join(folder, 'integers.onnx'), anySpeed: true },
        ...{ threads: Number(values.threads), frames: Number(values.frames), tune: Number(values.tune) },
        budget: isFile ? Number(values.budget) : noBudget,
      }).then(
        ({ milliseconds, speed, size, agreement, integerShare, weightBits, left }) => [
          ...[milliseconds.before, milliseconds.after].map((time) => time.toFixed(1)),
          speed.toFixed(2),
          [size.before, size.after].map((bytes) => (bytes / 1e6).toFixed(1)).join(' → '),
          isFile ? `${(100 * agreement).toFixed(2)} %` : '–',
          integerShare === null ? '–' : `${(100 * integerShare).toFixed(1)} %`,
          `${weightBits} bits`,
          left.length,
        ],
        (thrown) => [messageOf(thrown)],
      );
      console.log(`| ${[basename(network), ...cells].join(' | ')} |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();

// A process that reads mutated files of one format, one after another, and says of each how that went.
// Arguments: format, seed, first mutation, number of mutations, path of the file to write them to.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { messageOf, SteadysegError } from '#src/base/errors.js';
import { readClassesFile } from '#src/media/classesFile.js';
import { formatFlo, readFlo } from '#src/media/flo.js';
import { encodeLabelMap, readLabelMap } from '#src/media/labels.js';
import { encodePicture, readPicture } from '#src/media/pictures.js';
import { convertFile } from '#src/nets/convertFile.js';
import { loadModel } from '#src/segment/loadModel.js';
import { createRandom, deriveSeed } from '#src/tensor/random.js';
import { readConfig } from '#src/train/config.js';
import { mutated } from '../mutate.js';
import { brightestChannel, tinyNetwork } from '../segment/tinyNetwork.js';
import type { Fuzzed, Report } from './fuzz.js';

// What the configuration names by the environment.
process.env.TOYCITY = 'data';

const [format, seed, from, count, path] = process.argv.slice(2);

const side = 8;
const image = { width: side, height: side, data: Uint8Array.from({ length: 3 * side * side }, (_, at) => at * 7) };
const labels = { width: side, height: side, data: Uint8Array.from({ length: side * side }, (_, at) => at % 5) };
const root = new URL('../../../', import.meta.url);
const stored = (name: string) => new Uint8Array(readFileSync(fileURLToPath(new URL(name, root))));
const weights = (name: string) => stored(`test/fixtures/weights/${name}`);
const text = (content: string) => new TextEncoder().encode(content);

/** Sound files of a format, and what reads them. */
const formats: Record<Fuzzed, { corpus: () => Promise<Uint8Array[]>; read: (path: string) => Promise<unknown>[] }> = {
  onnx: {
    corpus: async () => [
      tinyNetwork({ height: side, width: side }),
      tinyNetwork({ height: side, width: side, free: true }),
      brightestChannel(side, side),
    ],
    read: (file) => [segmented(file)],
  },
  pth: {
    corpus: async () => ['state_dict_zip.pth', 'odd_tensors.pth', 'state_dict_legacy.pth'].map(weights),
    read: (file) => [convertFile(file, `${path}.safetensors`)],
  },
  safetensors: {
    corpus: async () => ['expected.safetensors', 'expected_odd_tensors.safetensors'].map(weights),
    read: (file) => [convertFile(file, `${path}.pth`)],
  },
  flo: {
    corpus: async () => [formatFlo({ width: side, height: side, data: new Float32Array(2 * side * side).fill(1.5) })],
    read: (file) => [readFlo(file)],
  },
  png: {
    corpus: async () => [await encodePicture(image, 'png'), await encodeLabelMap(labels)],
    read: (file) => [readPicture(file), readLabelMap(file)],
  },
  yaml: {
    corpus: async () => [
      text(
        'network: { architecture: pspnet18, widthMultiplier: 0.5 }\ndata: { layout: toycity, root: $TOYCITY }\ncrop: [128, 256]\nbatch: 4\nsteps: 600\nseed: 1\naugmentation: { scale: [0.75, 1.5], rotation: 5 }\noptimizer: { rate: 0.05 }\nlosses: { motion: 0.1 }\nvalidation: { every: 200 }\n',
      ),
      text(
        'name: made\nclasses: [road, wall, sky]\npalette: [[0, 0, 0], [128, 0, 0], [0, 128, 255]]\nignoreLabel: 255\n',
      ),
      text('data: { layout: camvid, root: a }\nnetwork: &none {}\nlosses: *none\nsteps: 3\n'),
    ],
    read: (file) => [readConfig(file), readClassesFile(file)],
  },
};

async function segmented(file: string): Promise<void> {
  const model = await loadModel(file, { threads: 1 });
  try {
    await model.segment(image);
  } finally {
    await model.release();
  }
}

const { corpus, read } = formats[format as Fuzzed];
const sound = await corpus();
for (const bytes of sound) {
  writeFileSync(path, bytes);
  const results = await Promise.allSettled(read(path));
  if (!results.some(({ status }) => status === 'fulfilled')) throw new Error(`a sound ${format} is refused`);
}
for (let index = Number(from); index < Number(count); index++) {
  writeFileSync(path, mutated(sound, createRandom(deriveSeed(Number(seed), format, index))));
  const results = await Promise.allSettled(read(path));
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const fault = reasons.map(faultOf).find((found) => found !== undefined);
  const report: Report = { index, refused: reasons.length === results.length, ...(fault !== undefined && { fault }) };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** What is wrong with an error; undefined when it is one that a user can act on. */
function faultOf(thrown: unknown): string | undefined {
  const message = messageOf(thrown);
  if (!(thrown instanceof SteadysegError)) return `${thrown instanceof Error ? thrown.stack : message}`;
  if (/\bundefined\b|\[object |\bNaN\b/.test(message)) return `not readable: ${message}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(message)) return `control characters: ${JSON.stringify(message)}`;
  if (message.length > 8100) return `${message.length} characters: ${message.slice(0, 200)}`;
  return message.includes(`mutated.${format}`) ? undefined : `the file is not named: ${message}`;
}

// The formats that are read: what each is mutated as, and by what it is read.
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { keptRecord } from '#src/adapt/workFolder.js';
import { lockFolder } from '#src/base/lock.js';
import { openOutputFolder } from '#src/base/outputFolder.js';
import { readClassesFile } from '#src/media/classesFile.js';
import { readFlo } from '#src/media/flo.js';
import { openFrames } from '#src/media/frames.js';
import { readKittiFlow } from '#src/media/kitti.js';
import { readLabelMap } from '#src/media/labels.js';
import { readPicture } from '#src/media/pictures.js';
import { readResultClasses } from '#src/media/resultClasses.js';
import { openVideo } from '#src/media/video.js';
import { mergeResults } from '#src/metrics/merge.js';
import { readResult } from '#src/metrics/result.js';
import { importModel } from '#src/onnx/import.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import { summarizeModel } from '#src/onnx/summary.js';
import { toText } from '#src/onnx/text.js';
import { summarizeTensors } from '#src/onnx/trainable.js';
import { resultReport } from '#src/report/resultReport.js';
import { renderResult } from '#src/report/resultTable.js';
import { loadModel } from '#src/segment/loadModel.js';
import { readClassNames } from '#src/segment/modelConfig.js';
import { readPreprocessorConfig } from '#src/segment/preprocessorConfig.js';
import { readFrameRecords } from '#src/segment/pseudoLabels/frameRecords.js';
import { readPseudoLabelReport } from '#src/segment/pseudoLabels/report.js';
import { tensor, zeros } from '#src/tensor/tensor.js';
import { readCheckpoint } from '#src/train/checkpoint.js';
import { readConfig } from '#src/train/config.js';
import { readMetrics, readRunConfig } from '#src/train/runFolder.js';
import { openWeights } from '#src/weights/openWeights.js';
import { summarizeWeights } from '#src/weights/summary.js';
import { mutateBoxes } from './mutators/boxes.js';
import { mutateJson, mutateJsonLines } from './mutators/json.js';
import { mutateLines } from './mutators/lines.js';
import type { Mutator } from './mutators/mutator.js';
import { mutatePickle } from './mutators/pickle.js';
import { mutatePng } from './mutators/png.js';
import { mutateProtobuf } from './mutators/protobuf.js';
import { mutateSafetensors } from './mutators/safetensors.js';
import { mutateZip } from './mutators/zip.js';

export interface Format {
  /** Files of it for every one of the slowest format: cheap ones come often. */
  readonly share: number;
  /** For people: what it is, and what is done with it. */
  readonly what: string;
  /** What the mutated file is called. */
  readonly file: string;
  /** Mutates it by its structure; formats without one are mutated as bytes alone. */
  readonly structure?: Mutator;
  /** All that is read of a file; each may refuse it. */
  read(path: string): Promise<unknown>[];
}

const side = 8;
const image = { width: side, height: side, data: Uint8Array.from({ length: 3 * side * side }, (_, at) => at * 7) };

export const formats = {
  onnx: {
    share: 3,
    what: '.onnx, compiled by ONNX Runtime and run on a picture',
    file: 'mutated.onnx',
    structure: mutateProtobuf,
    read: (path) => [segmented(path)],
  },
  graph: {
    share: 3,
    what: '.onnx, brought to plain operators and listed (info, train)',
    file: 'mutated.onnx',
    structure: mutateProtobuf,
    read: (path) => [listed(path)],
  },
  pth: {
    share: 8,
    what: '.pth of PyTorch 1.6 and newer: a zip archive with a pickle',
    file: 'mutated.pth',
    structure: mutateZip((name) => (name.endsWith('.pkl') ? mutatePickle : (bytes) => bytes.subarray(1))),
    read: (path) => [allTensors(path)],
  },
  legacy: {
    share: 8,
    what: '.pth of older PyTorch: pickles, one after the other',
    file: 'mutated.pth',
    structure: mutatePickle,
    read: (path) => [allTensors(path)],
  },
  safetensors: {
    share: 8,
    what: '.safetensors',
    file: 'mutated.safetensors',
    structure: mutateSafetensors,
    read: (path) => [allTensors(path)],
  },
  checkpoint: {
    share: 8,
    what: 'checkpoints of training runs',
    file: 'mutated.safetensors',
    structure: mutateSafetensors,
    read: (path) => [readCheckpoint(path, checkpointState())],
  },
  png: {
    share: 3,
    what: 'PNG, as a frame and as a label map',
    file: 'mutated.png',
    structure: mutatePng,
    read: (path) => [readPicture(path), readLabelMap(path)],
  },
  kitti: {
    share: 3,
    what: 'PNG, as optical flow (KITTI)',
    file: 'mutated.png',
    structure: mutatePng,
    read: (path) => [readKittiFlow(path)],
  },
  picture: {
    share: 3,
    what: 'JPEG, WebP, TIFF, BMP, AVIF',
    file: 'mutated.jpg',
    structure: mutateBoxes,
    read: (path) => [readPicture(path)],
  },
  flo: {
    share: 8,
    what: '.flo',
    file: 'mutated.flo',
    read: (path) => [readFlo(path)],
  },
  mp4: {
    share: 3,
    what: 'MP4 and MOV: H.264, H.265, MPEG-4, fragmented',
    file: 'mutated.mp4',
    structure: mutateBoxes,
    read: (path) => [decoded(path, false), decoded(path, true)],
  },
  video: {
    share: 3,
    what: 'Matroska, WebM, AVI, transport streams, Ogg, FLV, GIF',
    file: 'mutated.mkv',
    read: (path) => [decoded(path, false), decoded(path, true)],
  },
  yaml: {
    share: 1,
    what: 'YAML, as a training configuration and as a class file',
    file: 'mutated.yaml',
    structure: mutateLines,
    read: (path) => [readConfig(path), readClassesFile(path)],
  },
  classes: {
    share: 8,
    what: 'JSON, as a class file and as the configuration of a run',
    file: 'mutated.json',
    structure: mutateJson,
    read: (path) => [readClassesFile(path), readRunConfig(path)],
  },
  hub: {
    share: 8,
    what: "Hugging Face's config.json and preprocessor_config.json",
    file: 'mutated.json',
    structure: mutateJson,
    read: (path) => [readClassNames(path), readPreprocessorConfig(path)],
  },
  result: {
    share: 3,
    what: 'JSON of evaluations: merged, shown, reported',
    file: 'mutated.json',
    structure: mutateJson,
    read: (path) => [shownResult(path)],
  },
  record: {
    share: 1,
    what: 'records and journals of earlier runs, resumed',
    file: 'run/predict.json',
    structure: mutateJson,
    read: (path) => [resumed(path), readResultClasses(dirname(path)).then(() => {})],
  },
  pseudo: {
    share: 8,
    what: 'reports and frame lists of pseudo labels',
    file: 'mutated.jsonl',
    structure: mutateJsonLines,
    read: (path) => [readFrameRecords(path, 19), readPseudoLabelReport(path), readMetrics(path)],
  },
  list: {
    share: 8,
    what: 'list files',
    file: 'mutated.txt',
    structure: mutateLines,
    read: (path) => [openFrames(path)],
  },
  lock: {
    share: 1,
    what: 'locks and records of adaptations',
    file: 'mutated.lock',
    structure: mutateJson,
    read: (path) => [locked(path), keptRecord(path, () => '')],
  },
} as const satisfies Readonly<Record<string, Format>>;

export type FormatName = keyof typeof formats;
export const formatNames = Object.keys(formats) as FormatName[];

async function segmented(path: string): Promise<void> {
  const model = await loadModel(path, { threads: 1 });
  try {
    await model.segment(image);
  } finally {
    await model.release();
  }
}

async function listed(path: string): Promise<void> {
  const model = await readModelFile(path);
  summarizeModel(model);
  summarizeTensors(model);
  try {
    toText(importModel(model).graph);
  } catch (thrown) {
    // The command names the file.
    if (thrown instanceof Error) thrown.message = `${path}: ${thrown.message}`;
    throw thrown;
  }
}

async function allTensors(path: string): Promise<void> {
  const file = await openWeights(path);
  try {
    summarizeWeights(file);
    for (const name of file.tensors.keys()) await file.read(name);
  } finally {
    await file.close();
  }
}

/** What `makeCorpus` writes a checkpoint of. */
export function checkpointState(): Parameters<typeof readCheckpoint>[1] {
  return {
    parameters: new Map([
      ['layer.weight', zeros('float32', [2, 3])],
      ['layer.bias', tensor('float32', [2], new Float32Array(2))],
    ]),
    slots: new Map([['velocity', new Map([['layer.weight', new Float32Array(6)]])]]),
    step: 3,
  };
}

async function decoded(path: string, acceptTruncated: boolean): Promise<void> {
  const video = await openVideo(path, { acceptTruncated });
  for await (const _ of video.frames(acceptTruncated ? { onBad: () => 'skip' } : {}));
}

async function shownResult(path: string): Promise<void> {
  const result = await readResult(path);
  renderResult(result);
  renderResult(mergeResults([{ name: path, result }]));
  await resultReport(result, {});
}

async function resumed(path: string): Promise<void> {
  const out = dirname(path);
  const options = { name: 'predict', work: 'reading', shard: { index: 0, count: 1 }, settings: {}, resume: true };
  const folder = await openOutputFolder(out, options);
  try {
    await folder.finished('000000', async () => '', ['labels/000000.png']);
    await folder.checkFree(['labels/000000.png', 'color/000000.png']);
  } finally {
    await folder.close();
  }
}

async function locked(path: string): Promise<void> {
  const folder = `${path}.folder`;
  await mkdir(folder, { recursive: true });
  const lock = join(folder, basename(path));
  await import('node:fs/promises').then(({ copyFile }) => copyFile(path, lock));
  try {
    await (await lockFolder(lock, 'reading', { beat: 1000, patience: 1 })).release();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

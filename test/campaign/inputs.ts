// What the fault campaign works on, made by the library itself: a toy city, a video, small networks and weights.
import { cpSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readPicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { conv, relu } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { symmetricByName } from '#src/tensor/random.js';
import type { Tensor } from '#src/tensor/tensor.js';
import { writeToyCity } from '#src/toycity/write.js';
import { writePth } from '#src/weights/pthWriter.js';
import { writeSafetensors } from '#src/weights/safetensors.js';
import { normalised, tinyNetwork } from '../segment/tinyNetwork.js';

/** Paths of what was made. */
export interface Inputs {
  /** Two clips of three frames to train on, one held. */
  readonly toyCity: string;
  /** Options of `toycity` that wrote it. */
  readonly toyCityOptions: readonly string[];
  /** The six frames of its training split in one folder, and their labels. */
  readonly frames: string;
  readonly labels: string;
  /** Label maps of the frames, in a folder of their own. */
  readonly predictions: string;
  /** Its exact flow. */
  readonly flow: string;
  readonly video: string;
  /** Frames of the video. */
  readonly videoFrames: number;
  /** Networks of 19 classes that take any size, with different weights. */
  readonly network: string;
  readonly otherNetwork: string;
  /** A network with weights that train, of the frames' own size. */
  readonly trainable: string;
  /** Some MB of tensors in both formats. */
  readonly safetensors: string;
  readonly pth: string;
  /** A training run of a few steps. */
  readonly config: string;
  readonly classes: string;
  /** Where whole runs of the commands go. */
  readonly wholeRuns: string;
}

const height = 48;
const width = 64;
const repeats = 2;

export async function makeInputs(folder: string): Promise<Inputs> {
  const toyCity = join(folder, 'toy');
  const toyCityOptions = ['--clips', '3', '--val-clips', '1', '--frames', '3', '--size', `${height}x${width}`];
  await writeToyCity({ out: toyCity, clips: 3, valClips: 1, frames: 3, height, width, seed: 0 });
  const frames = join(toyCity, 'leftImg8bit_sequence', 'train', 'toytown');
  const labels = join(toyCity, 'gtFine', 'train', 'toytown');

  const predictions = join(folder, 'predictions');
  cpSync(labels, predictions, { recursive: true });

  const video = join(folder, 'drive.mp4');
  const pictures = (await readdir(frames)).sort();
  const writer = await createVideoWriter(video, { height, width, frameRate: { numerator: 10, denominator: 1 } });
  for (let round = 0; round < repeats; round++) {
    for (const name of pictures) await writer.write(await readPicture(join(frames, name)));
  }
  await writer.close();

  const network = join(folder, 'network.onnx');
  const otherNetwork = join(folder, 'other.onnx');
  writeFileSync(network, tinyNetwork({ classes: 19, free: true }));
  writeFileSync(otherNetwork, tinyNetwork({ classes: 19, free: true, stride: 2 }));

  const trainable = join(folder, 'trainable.onnx');
  writeFileSync(trainable, trainableNetwork());

  const tensors = new Map<string, Tensor>();
  for (let k = 0; k < 8; k++) tensors.set(`layer.${k}.weight`, symmetricByName(`layer.${k}`, [512, 512], 1));
  const safetensors = join(folder, 'weights.safetensors');
  const pth = join(folder, 'weights.pth');
  await writeSafetensors(safetensors, tensors);
  await writePth(pth, tensors);

  const config = join(folder, 'tiny.yaml');
  writeFileSync(config, trainingConfig(trainable));
  const classes = join(folder, 'classes.yaml');
  writeFileSync(classes, 'name: made\nclasses: [road, wall, sky]\npalette: [[0, 0, 0], [128, 0, 0], [0, 128, 255]]\n');
  return {
    toyCity,
    toyCityOptions,
    frames,
    labels,
    predictions,
    flow: join(toyCity, 'flow', 'train', 'toytown'),
    video,
    videoFrames: repeats * pictures.length,
    network,
    otherNetwork,
    trainable,
    safetensors,
    pth,
    config,
    classes,
    wholeRuns: join(folder, 'whole'),
  };
}

function trainableNetwork(): Uint8Array {
  const graph = createGraph('trainable');
  const image = input(graph, 'image', 'float32', [1, 3, height, width]);
  const weight = (name: string, shape: number[]) => constant(graph, symmetricByName(name, shape, 0.6), name);
  const options = { pads: [1, 1, 1, 1] };
  const x = relu(conv(image, weight('a.weight', [4, 3, 3, 3]), weight('a.bias', [4]), options));
  const scores = conv(x, weight('b.weight', [19, 4, 3, 3]), undefined, options);
  return writeModel(exportModel(graph, { scores }, { metadata: normalised }));
}

/** Without the data's root, which is given as a change. */
const trainingConfig = (network: string) => `network: { model: ${JSON.stringify(network)}, scores: logits }
threads: 1
data: { layout: toycity }
crop: [32, 48]
batch: 2
steps: 6
augmentation: { scale: [0.75, 1.5] }
losses: { motion: 0.1 }
checkpointEvery: 2
validation: { every: 3, limit: 2 }
`;

// The worker that runs the networks of both sides.

import {
  type ClassSet,
  type LabelMap,
  loadModel,
  type RgbImage,
  type SegmentationModel,
  type Size,
} from '../src/web.js';
import { loadEngine } from './engine.js';
import { type Reading, readingOptions } from './reading.js';
import { offer, tell } from './remote.js';
import { wordsAbout } from './wordsAbout.js';

export type Side = 'left' | 'right';
export type Device = 'wasm' | 'webgpu';

/** A network that is ready to run. */
export interface ReadyNetwork {
  readonly classes: ClassSet;
  /** What was guessed. */
  readonly notes: readonly string[];
  /** The size of frames that it takes; undefined where it takes any. */
  readonly size: Size | undefined;
}

interface Loaded {
  readonly model: SegmentationModel;
  readonly source: NetworkSource;
}

/** What a network is loaded from. */
export interface NetworkSource {
  /** What it is called in words. */
  readonly name: string;
  readonly content: Uint8Array;
  readonly reading: Reading;
}

const loaded = new Map<Side, Loaded>();
let device: Device = 'wasm';
let engine: Promise<void> | undefined;

async function open({ name, content, reading }: NetworkSource): Promise<SegmentationModel> {
  return loadModel(content, { device, ...readingOptions(reading) }).catch((thrown: unknown) => {
    throw new Error(wordsAbout(name, thrown));
  });
}

/** WebGPU, where it fails on a network, makes way for WebAssembly. */
async function fallBack(reason: unknown): Promise<void> {
  device = 'wasm';
  tell({ note: `WebGPU cannot run this network (${wordsAbout('the network', reason)}): WebAssembly does` });
  engine ??= loadEngine();
  await engine;
  for (const [side, { model, source }] of loaded) {
    await model.release().catch(() => undefined);
    loaded.set(side, { source, model: await open(source) });
  }
}

const functions = {
  /** Chooses what networks run on; says in words what it became. */
  async choose(wanted: Device): Promise<{ device: Device; note: string | undefined }> {
    const gpu = (navigator as { gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
    const adapter = wanted === 'webgpu' ? await gpu?.requestAdapter().catch(() => null) : undefined;
    device = adapter ? 'webgpu' : 'wasm';
    if (device === 'wasm') {
      engine ??= loadEngine();
      await engine;
    }
    const note = wanted === device ? undefined : 'This browser has no WebGPU adapter: networks run on WebAssembly.';
    return { device, note };
  },
  async load(side: Side, source: NetworkSource): Promise<ReadyNetwork> {
    await functions.release(side);
    const model = await open(source);
    loaded.set(side, { model, source });
    const { notes, height, width } = model.description;
    return {
      classes: model.classes,
      notes: notes.map((note) => wordsAbout(source.name, note)),
      size: height === undefined || width === undefined ? undefined : { height, width },
    };
  },
  async release(side: Side): Promise<void> {
    const last = loaded.get(side);
    loaded.delete(side);
    await last?.model.release();
  },
  /** Segments a frame with each network there is, one after the other: they share the engine. */
  async segment(image: RgbImage): Promise<{ labels: Partial<Record<Side, LabelMap>>; milliseconds: number }> {
    const started = performance.now();
    const labels: Partial<Record<Side, LabelMap>> = {};
    for (const side of loaded.keys()) {
      labels[side] = await segmentOn(side, image).catch(async (thrown: unknown) => {
        if (device === 'wasm') throw thrown;
        await fallBack(thrown);
        return segmentOn(side, image);
      });
    }
    return { labels, milliseconds: performance.now() - started };
  },
};

async function segmentOn(side: Side, image: RgbImage): Promise<LabelMap> {
  const network = loaded.get(side);
  if (!network) throw new Error('the network was released');
  try {
    return (await network.model.segment(image)).labels;
  } catch (thrown) {
    throw new Error(wordsAbout(network.source.name, thrown));
  }
}

export type NetworkFunctions = typeof functions;

offer(functions);

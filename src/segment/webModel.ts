// Loads a segmentation network in a browser, and segments what a canvas holds.
import { SteadysegError } from '../base/errors.js';
import type { RgbImage } from '../media/image.js';
import { descriptionKey, readDescription } from '../onnx/metadata.js';
import { readModel } from '../onnx/read.js';
import { createSession } from '../runtime/webSession.js';
import { type LoadOptions, type SegmentationModel, segmentationModel } from './model.js';
import type { FoundNetwork } from './network.js';
import { describedPreprocessing, unsaidPreprocessing } from './preprocessing.js';

/**
 * Loads a segmentation network: one image input `[1, 3, height, width]` or `[1, height, width, 3]` of floats or bytes, and
 * an output of scores, probabilities or labels. Normalisation is the options', else the model's, else ImageNet's;
 * `description.notes` tells what was guessed.
 *
 * @param content address of an .onnx file, or its bytes.
 * @throws SteadysegError, naming the address, the expected and the found, when it cannot be fetched or is no such network.
 */
export async function loadModel(
  content: string | URL | Uint8Array,
  options: LoadOptions = {},
): Promise<SegmentationModel> {
  const found = await fetchNetwork(content);
  return segmentationModel(found, options, createSession);
}

/** Reads a network from its address or bytes, and what its metadata say. @throws as `loadModel`. */
export async function fetchNetwork(
  content: string | URL | Uint8Array,
): Promise<FoundNetwork & { content: Uint8Array }> {
  const bytes = content instanceof Uint8Array ? content : await fetchBytes(content);
  const source = content instanceof Uint8Array ? 'the model' : String(content);
  const model = readModel(bytes, source);
  const metadata = readDescription(model.metadata, source);
  const config =
    describedPreprocessing(metadata, source, model.metadata.has(descriptionKey)) ?? unsaidPreprocessing(metadata);
  return { source, model, content: bytes, metadata, config };
}

async function fetchBytes(address: string | URL): Promise<Uint8Array> {
  const response = await fetch(address);
  if (!response.ok) {
    throw new SteadysegError(
      `${address}: expected a model, found the answer ${response.status} ${response.statusText}`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** Pixels as a canvas has them: interleaved RGBA; what `getImageData` gives. */
export interface CanvasPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** The colours of canvas pixels, without their opacity. */
export function imageOfCanvas({ width, height, data }: CanvasPixels): RgbImage {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + 1];
    rgb[to + 2] = data[from + 2];
  }
  return { width, height, data: rgb };
}

/** A picture as opaque canvas pixels: `new ImageData(...)` takes them. */
export function canvasOfImage({
  width,
  height,
  data,
}: RgbImage): CanvasPixels & { data: Uint8ClampedArray<ArrayBuffer> } {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from];
    rgba[to + 1] = data[from + 1];
    rgba[to + 2] = data[from + 2];
    rgba[to + 3] = 255;
  }
  return { width, height, data: rgba };
}

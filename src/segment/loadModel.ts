// Loads a segmentation network in Node, from a file or bytes.
import { createSession } from '../runtime/session.js';
import { findNetwork } from './findNetwork.js';
import { type LoadOptions, type SegmentationModel, segmentationModel } from './model.js';
import { tryNetwork } from './trial.js';

export interface LoadFileOptions extends LoadOptions {
  /** Whether a process of its own runs it once before: a file that ends the engine's process then ends only that one. */
  readonly trial?: boolean | undefined;
}

/**
 * Loads a segmentation network: one image input `[1, 3, height, width]` or `[1, height, width, 3]` of floats or bytes, and
 * an output of scores, probabilities or labels. What is not said is found out; `description.notes` tells what was guessed.
 *
 * @param content path of an .onnx file, or its bytes.
 * @throws SteadysegError, naming the file, the expected and the found, when it is no such network, or did not outlive its trial.
 */
export async function loadModel(
  content: string | Uint8Array,
  { trial = false, ...options }: LoadFileOptions = {},
): Promise<SegmentationModel> {
  if (trial) await tryNetwork(content, options);
  return segmentationModel(await findNetwork(content), options, createSession);
}

// Loads a segmentation network in Node, from a file or bytes.
import { createSession } from '../runtime/session.js';
import { findNetwork } from './findNetwork.js';
import { type LoadOptions, type SegmentationModel, segmentationModel } from './model.js';

/**
 * Loads a segmentation network: one image input `[1, 3, height, width]` or `[1, height, width, 3]` of floats or bytes, and
 * an output of scores, probabilities or labels. What is not said is found out; `description.notes` tells what was guessed.
 *
 * @param content path of an .onnx file, or its bytes.
 * @throws SteadysegError, naming the file, the expected and the found, when it is no such network.
 */
export async function loadModel(content: string | Uint8Array, options: LoadOptions = {}): Promise<SegmentationModel> {
  return segmentationModel(await findNetwork(content), options, createSession);
}

// Loads a segmentation network in Node, from a file or bytes.
import { readDescription } from '../onnx/metadata.js';
import { readModelFile } from '../onnx/modelFile.js';
import { readModel } from '../onnx/read.js';
import { createSession } from '../runtime/session.js';
import { type LoadOptions, type SegmentationModel, segmentationModel } from './model.js';
import { choosePreprocessing } from './preprocessorConfig.js';

/**
 * Loads a segmentation network: one image input `[1, 3, height, width]`, and scores `[1, classes, h, w]` in its output
 * (`logits` if there is one of that name, else the first). Height and width may be free.
 *
 * @param content path of an .onnx file, or its bytes.
 * @throws SteadysegError, naming the file, the expected and the found, when it is no such network.
 */
export async function loadModel(content: string | Uint8Array, options: LoadOptions = {}): Promise<SegmentationModel> {
  const path = typeof content === 'string' ? content : undefined;
  const source = path ?? 'the model';
  const model = typeof content === 'string' ? await readModelFile(content) : readModel(content, source);
  const facts = readDescription(model.metadata, source);
  const config = await choosePreprocessing(path, facts, options);
  return segmentationModel({ content, source, model, facts, config }, options, createSession);
}

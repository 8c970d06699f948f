// A network of any .onnx file: of ours by its architecture, any other as it is.
import { classCountOf, weightsOfModel } from '../nets/networkWeights.js';
import { describeNetwork } from '../segment/describeNetwork.js';
import { findNetwork } from '../segment/findNetwork.js';
import type { NetworkDescription } from '../segment/network.js';
import { architectureStudent } from './architectureStudent.js';
import type { OnnxStudentOptions } from './onnxStudent.js';
import { onnxStudent } from './openStudent.js';
import type { Student } from './student.js';

export interface FileStudent extends Student {
  /** How a file of others takes pixels; undefined for ours, which are built anew for any batch and size. */
  readonly description?: NetworkDescription | undefined;
}

/** @throws SteadysegError for a file that is no segmentation network with scores. */
export async function fileStudent(path: string, options: OnnxStudentOptions = {}): Promise<FileStudent> {
  const found = await findNetwork(path);
  const { architecture, widthMultiplier, classes: names } = found.metadata;
  const weights = weightsOfModel(found.model, path);
  if (!weights || architecture === undefined) return onnxStudent(path, options);
  const classes = { count: classCountOf(weights, path), names };
  const student = await architectureStudent({ architecture, widthMultiplier, classes, weights: path, seed: 0 });
  return { ...student, preprocessing: describeNetwork(found, options).preprocessing };
}

// What a network has to be for training: any object of this form is a student, or a teacher.
import type { Mode } from '../nets/mode.js';
import type { Value } from '../onnx/graph.js';
import type { ModelDescription } from '../onnx/metadata.js';
import type { LoadOptions } from '../segment/model.js';
import type { Preprocessing } from '../segment/preprocessing.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import type { Tensor } from '../tensor/tensor.js';
import type { NetworkClasses } from './classMap.js';

/** A network that can be built into training graphs, and written back with other weights. */
export interface Student {
  /** What it is called in messages and reports. */
  readonly name: string;
  readonly classes: NetworkClasses;
  /** How its input follows from pixels. */
  readonly preprocessing: Preprocessing;
  /** Content of all parameters that `build` declares, by name, to begin with. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /**
   * Adds the network to the graph of its input, normalised N×3×H×W. Built for several frames of one graph, it declares its
   * parameters once.
   * @throws SteadysegError naming what does not allow the batch or the size.
   */
  build(image: Value, mode: Mode): StudentOutputs;
  /** How its scores are brought to the size of the image; default: bilinear, with the corners aligned. */
  readonly enlargement?: EnlargementMode | undefined;
  /** Whether a weight is trained; statistics are never. Default: all are. */
  trains?(name: string): boolean;
  /** Whether a weight belongs to a head, which learns faster than a pretrained backbone. Default: none does. */
  isHead?(name: string): boolean;
  /** The bytes of an .onnx file of the network with these weights. */
  toModel(weights: ReadonlyMap<string, Tensor>, options: StudentModelOptions): Uint8Array;
  /** How `toModel`'s file is loaded, where the file does not say it itself. */
  readonly loadOptions?: LoadOptions | undefined;
}

/** What a student computes. */
export interface StudentOutputs {
  /** N×C×h×w; their softmax are the class probabilities. */
  readonly logits: Value;
  /** Scores of heads that only training uses, N×C×h×w. */
  readonly auxiliaries: readonly Value[];
  /** N×1×h'×w', of a head that only training uses: the logit that a place lies at the border of two classes. */
  readonly boundary?: Value | undefined;
  /** Inner values that losses may use, by name. */
  readonly features: ReadonlyMap<string, Value>;
}

/** What a file of a student is made for, and says. */
export interface StudentModelOptions {
  /** Height and width it sees, where the network can be built for any. */
  readonly size: readonly [height: number, width: number];
  /** Classes and training, where the file is of our making. */
  readonly description: ModelDescription;
}

// What is known of a network: how it takes pixels, what its output means, and where that is said.
import type { ClassSet } from '../media/classes.js';
import type { Size } from '../media/image.js';
import type { ModelDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import type { DType } from '../tensor/tensor.js';
import type { Preprocessing, PreprocessingConfig, PreprocessingOptions } from './preprocessing.js';
import type { Layout, ScoreKind } from './trace.js';

/** What a caller may say of a network. Each is found out, or has a default, where it is not said. */
export interface DescribeOptions extends PreprocessingOptions {
  /** What the train ids mean; default: what the model, or a file beside it, says, else numbered classes. */
  readonly classes?: ClassSet | undefined;
  /** The size a network of free input size gets its frames at; default: the frame's own. */
  readonly size?: Size | undefined;
  /** A free size has to be a multiple of this; default: what the model, or a file beside it, says, else 1. */
  readonly sizeMultiple?: number | undefined;
  /** The output with the scores, of several; default: the one that fits. */
  readonly output?: string | undefined;
  /** What the values of the output are; default: what the graph and the values tell. */
  readonly scores?: ScoreKind | undefined;
  /** The probability above which a pixel is no background, in networks of one channel or of independent classes; default 0.5. */
  readonly threshold?: number | undefined;
}

/** A network that was read, and what was found about it. */
export interface FoundNetwork {
  /** What the network is called in messages: its path. */
  readonly source: string;
  readonly model: Model;
  /** What sessions are made of: its path, or bytes. */
  readonly content: string | Uint8Array;
  /** What its metadata says. */
  readonly metadata: ModelDescription;
  /** How pixels are normalised, as its metadata or a file beside it says. */
  readonly config: PreprocessingConfig;
  /** Names of its classes in a file beside it. */
  readonly labels?: { readonly names: readonly string[]; readonly origin: string } | undefined;
}

/** Element types of an input that pixels become. Bytes are the pixels themselves. */
export const inputTypes = ['float32', 'float16', 'uint8'] as const satisfies readonly DType[];

/** The input that takes a picture, `[1, 3, height, width]` or `[1, height, width, 3]`. */
export interface NetworkInput {
  readonly name: string;
  readonly dtype: (typeof inputTypes)[number];
  readonly layout: Layout;
}

/** The background of a network that has no map for it. */
export interface Background {
  /** Its label: 0 before the maps' labels, or the one after theirs. */
  readonly id: number;
  /** A pixel is of it where the probability of every class is at most this. */
  readonly threshold: number;
}

/** The output that labels come from. */
export interface NetworkOutput {
  readonly name: string;
  readonly layout: Layout;
  /** What its values are; undefined where the graph does not tell: the values of each run do. */
  readonly kind: ScoreKind | undefined;
  /** Probabilities are multiplied by this; 1 for scores and labels. */
  readonly scale: number;
  /** Maps of scores; 1 for labels, undefined where the file does not say. */
  readonly channels: number | undefined;
  /** Set where no map stands for the background: a pixel is of it where no class is above the threshold. */
  readonly background: Background | undefined;
}

/** How a network takes pixels and what its output means. Plain data: it can be sent to another thread. */
export interface NetworkDescription {
  /** What the network is called in messages: its path. */
  readonly source: string;
  readonly input: NetworkInput;
  readonly output: NetworkOutput;
  /** The input size, undefined where it is free. */
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** A free size has to be a multiple of this. */
  readonly sizeMultiple: number;
  readonly preprocessing: Preprocessing;
  /** How its scores are brought to the size of the frame; corners aligned by default. */
  readonly enlargement: EnlargementMode | undefined;
  /** Names and colours of the labels; with one entry a label, or more. */
  readonly classes: ClassSet;
  /** Labels that are told apart, a background without a map of its own included. Undefined when the file does not say; the first run does. */
  readonly classCount: number | undefined;
  /** What was guessed, chosen or is odd, a line each. */
  readonly notes: readonly string[];
}

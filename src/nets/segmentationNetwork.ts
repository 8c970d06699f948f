// What segmentation networks are built with, and what they compute.
import type { Value } from '../onnx/graph.js';
import type { Mode } from './mode.js';

export interface SegmentationOptions {
  readonly classes: number;
  readonly mode: Mode;
  /** Factor on all channel numbers, heads included, of the networks that take one. Default 1. */
  readonly widthMultiplier?: number;
}

/** What a segmentation network computes from N×3×H×W. */
export interface SegmentationOutputs {
  /** N×classes×h×w scores, h and w a quarter or an eighth of the image's, rounded up. */
  readonly logits: Value;
  /** Scores of a head that only training uses, N×classes×h'×w', of the networks that have one. */
  readonly auxiliary?: Value | undefined;
  /** N×1×h'×w', of networks that learn it: the logit that a place lies at the border of two classes. */
  readonly boundary?: Value | undefined;
  /** Intermediate values by name; `fea`, the main head's input, is what losses on features use. */
  readonly features: Readonly<Record<string, Value>>;
}

// The gradient rule of every operator that has one.
import type { GradientRule } from '../../onnx/graph.js';
import { arithmeticRules } from './arithmetic.js';
import { convolutionRules } from './convolution.js';
import { gridSampleRules } from './gridSample.js';
import { matrixRules } from './matrix.js';
import { movementRules } from './movement.js';
import { normalizationRules } from './normalization.js';
import { poolingRules } from './pooling.js';
import { reductionRules } from './reduction.js';
import { resizeRules } from './resize.js';

export const gradientRules: Readonly<Record<string, GradientRule>> = {
  ...arithmeticRules,
  ...convolutionRules,
  ...gridSampleRules,
  ...matrixRules,
  ...movementRules,
  ...normalizationRules,
  ...poolingRules,
  ...reductionRules,
  ...resizeRules,
};

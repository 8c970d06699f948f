// Composite and older operators become plain ones at import: what is plain has a gradient rule and runs on every device.
import { lookUp } from '../../base/lookUp.js';
import { microsoftDomain } from '../graph.js';
import { activations, microsoftActivations } from './activation.js';
import { arithmetic, microsoftArithmetic } from './arithmetic.js';
import { convolutions, microsoftConvolutions } from './convolution.js';
import { einsums } from './einsum.js';
import { matrixProducts, microsoftMatrixProducts } from './matrix.js';
import { microsoftMovements, movements } from './movement.js';
import { microsoftNormalizations, normalizations } from './normalization.js';
import { recurrences } from './recurrent.js';
import { reductions } from './reduction.js';
import { microsoftSamplings, samplings } from './sampling.js';
import type { Lowering, Lowerings } from './site.js';
import { softmaxes } from './softmax.js';

const lowerings: Readonly<Record<string, Lowerings>> = {
  '': {
    ...activations,
    ...arithmetic,
    ...convolutions,
    ...einsums,
    ...matrixProducts,
    ...movements,
    ...normalizations,
    ...recurrences,
    ...reductions,
    ...samplings,
    ...softmaxes,
  },
  [microsoftDomain]: {
    ...microsoftActivations,
    ...microsoftArithmetic,
    ...microsoftConvolutions,
    ...microsoftMatrixProducts,
    ...microsoftMovements,
    ...microsoftNormalizations,
    ...microsoftSamplings,
  },
};

/** The outputs of a node of a file in plain operators, or undefined where it is one of those. @throws SteadysegError where it does not fit. */
export const lower: Lowering = (site) => lookUp(lookUp(lowerings, site.domain) ?? {}, site.op)?.(site);

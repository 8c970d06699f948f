// Shape inference: one rule an operator, refusing at build time what does not fit.

import { SteadysegError } from '../../base/errors.js';
import { lookUp } from '../../base/lookUp.js';
import { suggest } from '../../base/suggest.js';
import { convolutionRules } from './convolution.js';
import { elementwiseRules } from './elementwise.js';
import { movementRules } from './movement.js';
import { reductionRules } from './reduction.js';
import type { ShapeRule, Site, ValueType } from './rule.js';
import { samplingRules } from './sampling.js';

const rules: Readonly<Record<string, ShapeRule>> = {
  ...convolutionRules,
  ...elementwiseRules,
  ...movementRules,
  ...reductionRules,
  ...samplingRules,
};

/** Element types and shapes of the outputs. @throws SteadysegError naming the inputs when they do not fit, or when the operator has no rule. */
export function inferOutputs(site: Site): ValueType[] {
  const rule = lookUp(rules, site.op);
  if (!rule) {
    const near = suggest(site.op, Object.keys(rules));
    throw new SteadysegError(`the operator ${site.op} has no shape rule${near ? `; did you mean ${near}?` : ''}`);
  }
  return rule(site);
}

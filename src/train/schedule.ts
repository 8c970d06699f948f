// Learning rates along a run (SPEC section 4).

/** `base · (1 - step/steps)^power`: the first step (0) uses the base rate. */
export function polynomialRate(base: number, step: number, steps: number, power: number): number {
  return base * (1 - step / steps) ** power;
}

// What of a network adapts: all weights, or, for use elsewhere too, its kernels and matrices alone.
import { SteadysegError } from '../base/errors.js';
import type { Student } from '../train/student.js';

/**
 * The student as it adapts. For general use biases, slopes and what normalisations scale and add stay as they came: one number for a
 * whole channel changes what the network says everywhere, for little that it steadies here.
 * @throws SteadysegError where nothing is left to train.
 */
export function adaptable<S extends Student>(student: S, { general }: { readonly general: boolean }): S {
  const isKernel = (size: readonly number[]) => size.filter((length) => length > 1).length > 1;
  const trained = new Set(
    [...student.weights]
      .filter(([name, { shape }]) => student.trains?.(name) && (!general || isKernel(shape)))
      .map(([name]) => name),
  );
  if (trained.size === 0) throw new SteadysegError(`${student.name}: expected float weights to adapt, found none`);
  return { ...student, trains: (name) => trained.has(name) };
}

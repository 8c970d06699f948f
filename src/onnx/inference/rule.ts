// What a shape rule sees and returns, and the helpers that rules share.
import { SteadysegError } from '../../base/errors.js';
import { type DType, formatShape, numbersOf, type Shape, type Tensor } from '../../tensor/tensor.js';
import type { Attributes } from '../model.js';

/** Element type and shape of a value. */
export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The part of a value that rules look at. */
export interface TypedValue extends ValueType {
  readonly name: string;
  readonly constant?: Tensor;
}

/** An operator about to be applied. */
export interface Site {
  readonly op: string;
  readonly inputs: readonly (TypedValue | undefined)[];
  readonly attributes: Attributes;
  readonly outputCount: number;
}

/** Types of the outputs of an operator, or an error made by `refuse`. */
export type ShapeRule = (site: Site) => ValueType[];

/** The error of a site that does not fit, with its inputs. */
export function refuse(site: Site, problem: string): SteadysegError {
  const inputs = site.inputs.map((value) =>
    value ? `${value.name}: ${value.dtype} ${formatShape(value.shape)}` : 'none',
  );
  return new SteadysegError(`${site.op}(${inputs.join(', ')}): ${problem}`);
}

/** The input at `index`, which must be there. */
export function inputAt(site: Site, index: number): TypedValue {
  const value = site.inputs[index];
  if (!value) throw refuse(site, `input ${index} is missing`);
  return value;
}

export function intAttribute(site: Site, name: string, fallback: number): number {
  const attribute = site.attributes[name];
  if (!attribute) return fallback;
  if (attribute.kind !== 'int')
    throw refuse(site, `expected the attribute ${name} to be an integer, found ${attribute.kind}`);
  return attribute.value;
}

/** A floating-point attribute, which some exporters write as an integer. */
export function numberAttribute(site: Site, name: string, fallback: number): number {
  const attribute = site.attributes[name];
  if (!attribute) return fallback;
  if (attribute.kind !== 'float' && attribute.kind !== 'int')
    throw refuse(site, `expected the attribute ${name} to be a number, found ${attribute.kind}`);
  return attribute.value;
}

export function intsAttribute(site: Site, name: string, fallback: readonly number[]): readonly number[] {
  const attribute = site.attributes[name];
  if (!attribute) return fallback;
  if (attribute.kind !== 'ints')
    throw refuse(site, `expected the attribute ${name} to be integers, found ${attribute.kind}`);
  return attribute.value;
}

export function stringAttribute(site: Site, name: string, fallback: string): string {
  const attribute = site.attributes[name];
  if (!attribute) return fallback;
  if (attribute.kind !== 'string')
    throw refuse(site, `expected the attribute ${name} to be a string, found ${attribute.kind}`);
  return attribute.value;
}

/** The numbers of a constant input, or undefined when it is left out. @throws when it is there but no constant. */
export function constantNumbers(site: Site, index: number): number[] | undefined {
  const value = site.inputs[index];
  if (!value) return undefined;
  if (value.shape.includes(0)) return [];
  if (!value.constant) throw refuse(site, `the shape depends on ${value.name}, which is no constant`);
  return numbersOf(value.constant);
}

/** An axis counted from the end when negative. */
export function normalizeAxis(site: Site, axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(normalized) || normalized < 0 || normalized >= rank) {
    throw refuse(site, `the axis ${axis} does not exist in rank ${rank}`);
  }
  return normalized;
}

/** The shape two or more shapes broadcast to. */
export function broadcastShapes(site: Site, shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const own = shape[shape.length - rank + axis] ?? 1;
      if (own === size || own === 1) continue;
      if (size !== 1) throw refuse(site, `the shapes do not broadcast at axis ${axis}: ${size} and ${own}`);
      size = own;
    }
    return size;
  });
}

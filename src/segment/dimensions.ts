// Declared shapes: sizes, names and gaps.
import type { Dimension } from '../onnx/model.js';
import { formatShape } from '../tensor/tensor.js';

/** Whether a dimension can be of a size. */
export function allows(dimension: Dimension | undefined, size: number): boolean {
  return typeof dimension !== 'number' || dimension === size;
}

/** A dimension that is a number. */
export function fixedSize(dimension: Dimension | undefined): number | undefined {
  return typeof dimension === 'number' ? dimension : undefined;
}

/** A declared shape for messages, such as `1×3×?×width`. */
export function formatDimensions(shape: readonly Dimension[]): string {
  return formatShape(shape.map((dimension) => dimension ?? '?'));
}

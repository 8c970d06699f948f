// Shapes of operators that resample pictures.
import { constantNumbers, inputAt, refuse, type ShapeRule } from './rule.js';

const resize: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  const sizes = constantNumbers(site, 3);
  if (sizes && sizes.length > 0) {
    if (sizes.length !== shape.length) throw refuse(site, `expected ${shape.length} sizes, found ${sizes.length}`);
    return [{ dtype, shape: sizes }];
  }
  const scales = constantNumbers(site, 2) ?? [];
  if (scales.length !== shape.length) throw refuse(site, `expected ${shape.length} scales, found ${scales.length}`);
  return [{ dtype, shape: shape.map((size, axis) => Math.floor(size * scales[axis])) }];
};

const gridSample: ShapeRule = (site) => {
  const [x, grid] = [inputAt(site, 0), inputAt(site, 1)];
  if (x.shape.length !== 4 || grid.shape.length !== 4 || grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0]) {
    throw refuse(site, 'expected N×C×H×W and N×H×W×2');
  }
  return [{ dtype: x.dtype, shape: [x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]] }];
};

export const samplingRules: Readonly<Record<string, ShapeRule>> = { GridSample: gridSample, Resize: resize };

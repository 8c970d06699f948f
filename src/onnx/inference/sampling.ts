// Shapes of operators that resample pictures.
import {
  constantNumbers,
  inputAt,
  intsAttribute,
  normalizeAxis,
  refuse,
  type ShapeRule,
  stringAttribute,
} from './rule.js';

/** Sizes or scales, for all axes or for those in `axes`. */
const resize: ShapeRule = (site) => {
  const { dtype, shape } = inputAt(site, 0);
  if (stringAttribute(site, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch') {
    throw refuse(site, 'keeping the aspect ratio is not supported; export with both sizes');
  }
  const all = shape.map((_, axis) => axis);
  const axes = intsAttribute(site, 'axes', all).map((axis) => normalizeAxis(site, axis, shape.length));
  const given = constantNumbers(site, 3) ?? [];
  const [what, numbers] = given.length > 0 ? ['sizes', given] : ['scales', constantNumbers(site, 2) ?? []];
  if (numbers.length !== axes.length) throw refuse(site, `expected ${axes.length} ${what}, found ${numbers.length}`);
  const resized = [...shape];
  axes.forEach((axis, i) => {
    resized[axis] = what === 'sizes' ? numbers[i] : Math.floor(shape[axis] * numbers[i]);
  });
  return [{ dtype, shape: resized }];
};

const gridSample: ShapeRule = (site) => {
  const [x, grid] = [inputAt(site, 0), inputAt(site, 1)];
  if (x.shape.length !== 4 || grid.shape.length !== 4 || grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0]) {
    throw refuse(site, 'expected N×C×H×W and N×H×W×2');
  }
  return [{ dtype: x.dtype, shape: [x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]] }];
};

export const samplingRules: Readonly<Record<string, ShapeRule>> = { GridSample: gridSample, Resize: resize };

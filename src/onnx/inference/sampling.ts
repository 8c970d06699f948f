// Shapes of operators that resample pictures.
import {
  constantNumbers,
  inputAt,
  intsAttribute,
  normalizeAxis,
  refuse,
  type ShapeRule,
  type Site,
  stringAttribute,
} from './rule.js';

/** What Resize does along one axis. */
export interface ResizedAxis {
  readonly inputs: number;
  readonly outputs: number;
  /** Outputs per input, as the engine computes positions with. */
  readonly scale: number;
}

/** Every axis of a Resize: by sizes or scales, for all axes or for those in `axes`. Sizes are rounded in float32, as the engine does. */
export function resizedAxes(site: Site): ResizedAxis[] {
  const { shape } = inputAt(site, 0);
  const all = shape.map((_, axis) => axis);
  const axes = intsAttribute(site, 'axes', all).map((axis) => normalizeAxis(site, axis, shape.length));
  const sizes = constantNumbers(site, 3) ?? [];
  const bySizes = sizes.length > 0;
  const numbers = bySizes ? sizes : (constantNumbers(site, 2) ?? []);
  if (numbers.length !== axes.length) {
    throw refuse(site, `expected ${axes.length} ${bySizes ? 'sizes' : 'scales'}, found ${numbers.length}`);
  }
  const resized: ResizedAxis[] = shape.map((size) => ({ inputs: size, outputs: size, scale: 1 }));
  const policy = stringAttribute(site, 'keep_aspect_ratio_policy', 'stretch');
  const ratios = axes.map((axis, i) => Math.fround(numbers[i] / shape[axis]));
  const shared =
    policy === 'not_larger' ? Math.min(...ratios) : policy === 'not_smaller' ? Math.max(...ratios) : undefined;
  axes.forEach((axis, i) => {
    const inputs = shape[axis];
    if (!bySizes) {
      const scale = Math.fround(numbers[i]);
      resized[axis] = { inputs, outputs: Math.floor(Math.fround(scale * inputs)), scale };
    } else if (shared === undefined) {
      resized[axis] = { inputs, outputs: numbers[i], scale: ratios[i] };
    } else {
      resized[axis] = { inputs, outputs: Math.round(Math.fround(shared * inputs)), scale: shared };
    }
  });
  if (resized.some(({ outputs }) => outputs < 0)) throw refuse(site, 'a size is negative');
  return resized;
}

const resize: ShapeRule = (site) => [
  { dtype: inputAt(site, 0).dtype, shape: resizedAxes(site).map(({ outputs }) => outputs) },
];

const gridSample: ShapeRule = (site) => {
  const [x, grid] = [inputAt(site, 0), inputAt(site, 1)];
  if (x.shape.length !== 4 || grid.shape.length !== 4 || grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0]) {
    throw refuse(site, 'expected N×C×H×W and N×H×W×2');
  }
  return [{ dtype: x.dtype, shape: [x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]] }];
};

export const samplingRules: Readonly<Record<string, ShapeRule>> = { GridSample: gridSample, Resize: resize };

// Takes a crop's pixels from their source: colours bilinear, labels nearest, flow with its vectors turned.
import { MAX_FLOW_SIDE } from '../media/flowValues.js';
import { ignoreLabel, type LabelMap, type OpticalFlow, type RgbImage, type Size } from '../media/image.js';
import { imageNetMean } from '../nets/normalization.js';
import type { Sampling } from './augmentation.js';

/** Weights of the 5×5 Gaussian of σ 1.1, along one axis. */
const gaussian = (() => {
  const weights = [-2, -1, 0, 1, 2].map((x) => Math.exp(-(x * x) / (2 * 1.1 * 1.1)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
})();

/**
 * The columns `[first, end)` of row y of the crop that show the source: within the canvas, and at most half a pixel
 * outside the outermost pixel centres.
 */
function visibleColumns(sampling: Sampling, source: Size, y: number, out: Int32Array): void {
  const { xx, xy, x0, yx, yy, y0, canvas } = sampling;
  out[0] = out[1] = 0;
  if (y < canvas.top || y >= canvas.bottom) return;
  let low = canvas.left;
  let high = canvas.right - 1;
  for (let axis = 0; axis < 2; axis++) {
    const slope = axis === 0 ? xx : yx;
    const start = axis === 0 ? xy * y + x0 : yy * y + y0;
    const last = (axis === 0 ? source.width : source.height) - 0.5;
    if (slope === 0) {
      if (start < -0.5 || start >= last) return;
      continue;
    }
    const a = (-0.5 - start) / slope;
    const b = (last - start) / slope;
    low = Math.max(low, Math.ceil(Math.min(a, b)));
    high = Math.min(high, Math.floor(Math.max(a, b)));
  }
  // The division above may be off by one rounding: the ends are tried with the same sums that the loops use.
  const inside = (x: number) => {
    const sx = xx * x + (xy * y + x0);
    const sy = yx * x + (yy * y + y0);
    return sx >= -0.5 && sy >= -0.5 && sx < source.width - 0.5 && sy < source.height - 0.5;
  };
  while (low <= high && !inside(low)) low++;
  while (high >= low && !inside(high)) high--;
  if (low > high) return;
  out[0] = low;
  out[1] = high + 1;
}

const columns = new Int32Array(2);

/**
 * Writes the crop of an image as planes R, G, B into `out` at `offset` (3·height·width bytes, rounded).
 * Pixels that show nothing of the source get ImageNet's mean colour.
 */
export function resampleImage(
  image: RgbImage,
  sampling: Sampling,
  blur: boolean,
  crop: Size,
  out: Uint8ClampedArray,
  offset: number,
): void {
  const plane = crop.height * crop.width;
  for (let channel = 0; channel < 3; channel++) {
    out.fill(imageNetMean[channel], offset + channel * plane, offset + (channel + 1) * plane);
  }
  if (!blur) {
    for (let y = 0; y < crop.height; y++) {
      visibleColumns(sampling, image, y, columns);
      sampleRow(image, sampling, y, columns[0], columns[1], out, offset + y * crop.width, plane);
    }
    return;
  }
  // Two pixels more on each side, the source's edge repeated beyond it; then the Gaussian along rows and columns.
  const width = crop.width + 4;
  const height = crop.height + 4;
  const wide = new Float32Array(3 * width * height);
  const shifted = {
    ...sampling,
    x0: sampling.x0 - 2 * (sampling.xx + sampling.xy),
    y0: sampling.y0 - 2 * (sampling.yx + sampling.yy),
  };
  for (let y = 0; y < height; y++) sampleRow(image, shifted, y, 0, width, wide, y * width, width * height);
  const [outer, inner, middle] = gaussian;
  const rows = new Float32Array(crop.width * height);
  for (let channel = 0; channel < 3; channel++) {
    const from = channel * width * height;
    for (let y = 0; y < height; y++) {
      const start = from + y * width;
      for (let x = 0; x < crop.width; x++) {
        const i = start + x;
        rows[y * crop.width + x] =
          outer * (wide[i] + wide[i + 4]) + inner * (wide[i + 1] + wide[i + 3]) + middle * wide[i + 2];
      }
    }
    const step = crop.width;
    for (let y = 0; y < crop.height; y++) {
      visibleColumns(sampling, image, y, columns);
      const start = offset + channel * plane + y * step;
      for (let x = columns[0]; x < columns[1]; x++) {
        const i = y * step + x;
        out[start + x] =
          outer * (rows[i] + rows[i + 4 * step]) +
          inner * (rows[i + step] + rows[i + 3 * step]) +
          middle * rows[i + 2 * step];
      }
    }
  }
}

/** Bilinear samples of row y, columns `first..end-1`, at `start + x` of three planes; beyond its edge the source is repeated. */
function sampleRow(
  image: RgbImage,
  sampling: Sampling,
  y: number,
  first: number,
  end: number,
  out: Float32Array | Uint8ClampedArray,
  start: number,
  plane: number,
): void {
  const { data, width, height } = image;
  const { xx, yx } = sampling;
  const rowX = sampling.xy * y + sampling.x0;
  const rowY = sampling.yy * y + sampling.y0;
  const right = width - 1;
  const bottom = height - 1;
  for (let x = first; x < end; x++) {
    const sx = Math.min(right, Math.max(0, xx * x + rowX));
    const sy = Math.min(bottom, Math.max(0, yx * x + rowY));
    const left = Math.floor(sx);
    const top = Math.floor(sy);
    const fx = sx - left;
    const fy = sy - top;
    const a = 3 * (top * width + left);
    const b = left < right ? a + 3 : a;
    const down = top < bottom ? 3 * width : 0;
    const c = a + down;
    const d = b + down;
    const bottomRight = fx * fy;
    const topRight = fx - bottomRight;
    const bottomLeft = fy - bottomRight;
    const topLeft = 1 - fx - bottomLeft;
    const i = start + x;
    out[i] = topLeft * data[a] + topRight * data[b] + bottomLeft * data[c] + bottomRight * data[d];
    out[i + plane] =
      topLeft * data[a + 1] + topRight * data[b + 1] + bottomLeft * data[c + 1] + bottomRight * data[d + 1];
    out[i + 2 * plane] =
      topLeft * data[a + 2] + topRight * data[b + 2] + bottomLeft * data[c + 2] + bottomRight * data[d + 2];
  }
}

/** Writes the crop of a label map into `out` at `offset`: nearest, 255 where nothing of the source is shown, and for ids from `classes` on. */
export function resampleLabels(
  labels: LabelMap,
  sampling: Sampling,
  classes: number,
  crop: Size,
  out: Uint8Array,
  offset: number,
  outside: number = ignoreLabel,
): void {
  const { data, width } = labels;
  const { xx, yx } = sampling;
  out.fill(outside, offset, offset + crop.height * crop.width);
  for (let y = 0; y < crop.height; y++) {
    visibleColumns(sampling, labels, y, columns);
    const rowX = sampling.xy * y + sampling.x0 + 0.5;
    const rowY = sampling.yy * y + sampling.y0 + 0.5;
    const start = offset + y * crop.width;
    for (let x = columns[0]; x < columns[1]; x++) {
      // Within half a pixel of the outermost centres, rounding may step outside by one rounding error.
      const sx = Math.min(width - 1, Math.max(0, Math.floor(xx * x + rowX)));
      const sy = Math.min(labels.height - 1, Math.max(0, Math.floor(yx * x + rowY)));
      const id = data[sy * width + sx];
      if (id < classes) out[start + x] = id;
    }
  }
}

/** Flow to a neighbour, with where it may be relied on. */
export interface KnownFlow {
  readonly flow: OpticalFlow;
  /** 255 where the point is hidden in the neighbour; absent where that is not known. */
  readonly hidden?: LabelMap | undefined;
}

/**
 * Writes the crop of a flow field as planes u, v into `out` at `offset`, vectors scaled, rotated and mirrored as the
 * frames are, and into `valid` (1 or 0) where it counts: the source is shown and its flow known, the point is not
 * hidden, and where it goes lies within both the neighbour and its crop. Elsewhere flow is 0.
 */
export function resampleFlow(
  { flow, hidden }: KnownFlow,
  sampling: Sampling,
  crop: Size,
  out: Float32Array,
  offset: number,
  valid: Float32Array,
  validOffset: number,
): void {
  const { data, width, height } = flow;
  const { xx, xy, yx, yy } = sampling;
  const plane = crop.height * crop.width;
  out.fill(0, offset, offset + 2 * plane);
  valid.fill(0, validOffset, validOffset + plane);
  // Vectors go from the source to the crop: by the inverse of the map's linear part.
  const determinant = xx * yy - xy * yx;
  const [uu, uv, vu, vv] = [yy / determinant, -xy / determinant, -yx / determinant, xx / determinant];
  const right = width - 1;
  const bottom = height - 1;
  for (let y = 0; y < crop.height; y++) {
    visibleColumns(sampling, flow, y, columns);
    const rowX = xy * y + sampling.x0;
    const rowY = yy * y + sampling.y0;
    for (let x = columns[0]; x < columns[1]; x++) {
      const sx = Math.min(right, Math.max(0, xx * x + rowX));
      const sy = Math.min(bottom, Math.max(0, yx * x + rowY));
      const left = Math.floor(sx);
      const top = Math.floor(sy);
      const nearest = Math.round(sy) * width + Math.round(sx);
      if (hidden && hidden.data[nearest] !== 0) continue;
      const fx = sx - left;
      const fy = sy - top;
      const a = 2 * (top * width + left);
      const b = left < right ? a + 2 : a;
      const down = top < bottom ? 2 * width : 0;
      const c = a + down;
      const d = b + down;
      const bottomRight = fx * fy;
      const topRight = fx - bottomRight;
      const bottomLeft = fy - bottomRight;
      const topLeft = 1 - fx - bottomLeft;
      const u = topLeft * data[a] + topRight * data[b] + bottomLeft * data[c] + bottomRight * data[d];
      const v = topLeft * data[a + 1] + topRight * data[b + 1] + bottomLeft * data[c + 1] + bottomRight * data[d + 1];
      // One unknown corner makes the mean too large to be flow of any frame, unless its weight is next to nothing.
      if (!(Math.abs(u) < MAX_FLOW_SIDE && Math.abs(v) < MAX_FLOW_SIDE)) continue;
      const turnedU = uu * u + uv * v;
      const turnedV = vu * u + vv * v;
      const i = y * crop.width + x;
      out[offset + i] = turnedU;
      out[offset + plane + i] = turnedV;
      const toX = sx + u;
      const toY = sy + v;
      const cropX = x + turnedU;
      const cropY = y + turnedV;
      const stays = toX >= -0.5 && toY >= -0.5 && toX < width - 0.5 && toY < height - 0.5;
      const { canvas } = sampling;
      if (
        stays &&
        cropX >= canvas.left &&
        cropY >= canvas.top &&
        cropX <= canvas.right - 1 &&
        cropY <= canvas.bottom - 1
      ) {
        valid[validOffset + i] = 1;
      }
    }
  }
}

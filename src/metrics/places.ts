// The place of a pair of frames where most pixels change their class: what to look at first.
import type { LabelMap, Size } from '../media/image.js';

/** A part of a frame, in pixels. */
export interface Place extends Size {
  readonly x: number;
  readonly y: number;
  /** Its visible pixels that are another class in the next frame. */
  readonly changed: number;
}

/** A place is four cells wide and high, and a third of the frame's shorter side. */
const CELLS = 4;
const CELLS_OF_FRAME = 12;

/**
 * The square, a third of the frame's shorter side and on a grid of quarters of that, with the most changes; of equal
 * ones the first. Pixels that are no class on either side do not count.
 * @param warped the labels of the next frame, seen from this one; of the same size
 */
export function unsteadiestPlace(labels: LabelMap, warped: LabelMap, classes: number): Place {
  const { width, height } = labels;
  const cell = Math.max(1, Math.round(Math.min(width, height) / CELLS_OF_FRAME));
  const columns = Math.ceil(width / cell);
  const rows = Math.ceil(height / cell);
  const changes = new Uint32Array(columns * rows);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y / cell) * columns;
    for (let x = 0; x < width; x++, i++) {
      const id = labels.data[i];
      const next = warped.data[i];
      if (id !== next && id < classes && next < classes) changes[row + Math.floor(x / cell)]++;
    }
  }
  let most = -1;
  let [atRow, atColumn] = [0, 0];
  for (let row = 0; row + Math.min(CELLS, rows) <= rows; row++) {
    for (let column = 0; column + Math.min(CELLS, columns) <= columns; column++) {
      let changed = 0;
      for (let y = row; y < Math.min(row + CELLS, rows); y++) {
        for (let x = column; x < Math.min(column + CELLS, columns); x++) changed += changes[y * columns + x];
      }
      if (changed > most) [most, atRow, atColumn] = [changed, row, column];
    }
  }
  const [x, y] = [atColumn * cell, atRow * cell];
  const side = CELLS * cell;
  return { x, y, width: Math.min(side, width - x), height: Math.min(side, height - y), changed: most };
}

/** Whether two places of equally large frames share more than a quarter of the smaller one. */
export function overlapping(a: Place, b: Place): boolean {
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const shared = Math.max(0, across) * Math.max(0, down);
  return 4 * shared > Math.min(a.width * a.height, b.width * b.height);
}

// Boundary targets against OpenCV's Canny, and on pictures whose answer is plain.
import { describe, expect, it } from 'vitest';
import { boundaryTarget } from '#src/data/boundaryTarget.js';
import { readLabelMap } from '#src/media/labels.js';
import { labelsByName } from '#src/tensor/random.js';
import { readSafetensors } from '#src/weights/safetensors.js';
import { describeWithShared, sharedPath } from '../shared.js';

describeWithShared('against OpenCV', ['goldens/nets/pidnet_s_edges.safetensors'], () => {
  it('is the same, pixel by pixel', async () => {
    const { tensors } = await readSafetensors(sharedPath('goldens', 'nets', 'pidnet_s_edges.safetensors'));
    const cases = [...tensors.keys()].filter((name) => name.endsWith('.edge')).map((name) => name.slice(0, -5));
    expect(cases.sort()).toContain('camvid');
    for (const name of cases) {
      const edge = tensors.get(`${name}.edge`);
      const [height, width] = edge?.shape ?? [0, 0];
      const stored = tensors.get(`${name}.label`);
      const label =
        name === 'camvid'
          ? await readLabelMap(sharedPath('data', 'camvid', 'valannot', '0016E5_07961.png'))
          : { height, width, data: (stored ?? labelsByName(`edges.${name}`, [height, width], 19)).data as Uint8Array };
      const found = boundaryTarget({ height, width, data: new Uint8Array(label.data) });
      const wrong = found.data.reduce((count, value, i) => count + Number(value !== Number(edge?.data[i])), 0);
      expect(wrong, name).toBe(0);
    }
  });
});

describe('two classes', () => {
  const [width, height] = [24, 20];
  const edgesOf = (idAt: (x: number, y: number) => number) => {
    const data = Uint8Array.from({ length: width * height }, (_, i) => idAt(i % width, Math.floor(i / width)));
    const found = boundaryTarget({ width, height, data });
    return (x: number, y: number) => found.data[y * width + x];
  };
  const columnsAt = (at: (x: number, y: number) => number, y: number) =>
    Array.from({ length: width }, (_, x) => x).filter((x) => at(x, y) === 1);

  it('side by side meet in a band that stays off the border of the picture', () => {
    const at = edgesOf((x) => (x < 12 ? 3 : 255));
    // Columns 11 and 12 have the same slope: the left one counts, and what is two after and one before it.
    expect(columnsAt(at, 10)).toEqual([10, 11, 12, 13]);
    const rows = Array.from({ length: height }, (_, y) => y).filter((y) => columnsAt(at, y).length > 0);
    expect([rows[0], rows[rows.length - 1]]).toEqual([5, 15]);
  });

  it('one above the other meet in rows, and the same id nowhere', () => {
    const at = edgesOf((_, y) => (y < 9 ? 1 : 2));
    expect(Array.from({ length: height }, (_, y) => y).filter((y) => at(12, y) === 1)).toEqual([7, 8, 9, 10]);
    expect(
      columnsAt(
        edgesOf(() => 7),
        10,
      ),
    ).toEqual([]);
  });

  it('along a diagonal meet on both kinds of slope', () => {
    const down = edgesOf((x, y) => (x - y > 2 ? 1 : 0));
    const up = edgesOf((x, y) => (x + y > 21 ? 1 : 0));
    expect(columnsAt(down, 10).length).toBeGreaterThan(0);
    expect(columnsAt(up, 10).length).toBeGreaterThan(0);
    expect(down(12, 10)).toBe(1);
    expect(up(11, 10)).toBe(1);
  });
});

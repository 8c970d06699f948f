import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeLabelMap } from '#src/media/labels.js';
import { encodeNoisyPicture, encodeRuns } from '#src/media/png.js';
import { uniformAt } from '#src/tensor/random.js';

const [width, height] = [37, 23];

describe('PNG files', () => {
  it('hold a noisy picture as it is, in fewer bytes than its pixels', async () => {
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => 2 * (i % 100) + 20 * uniformAt(1, i));
    const file = encodeNoisyPicture(width, height, rgb);
    expect(file.length).toBeLessThan(rgb.length);
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width, height, channels: 3 });
    expect(Buffer.compare(data, rgb)).toBe(0);
  });

  it('hold runs of values as they are', async () => {
    const values = Uint8Array.from({ length: width * height }, (_, i) => (i % 50 < 30 ? 255 : Math.floor(i / 100)));
    const file = encodeRuns(width, height, values);
    expect(file.length).toBeLessThan(values.length);
    expect(await decodeLabelMap(file, 'the test')).toEqual({ width, height, data: values });
  });
});

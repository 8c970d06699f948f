import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { formatFlo, parseFlo, readFlo, writeFlo } from '#src/media/flo.js';
import { isUnknownFlow, UNKNOWN_FLOW } from '#src/media/flowValues.js';
import { readKittiFlow, writeKittiFlow } from '#src/media/kitti.js';
import { describeWithShared, sharedPath } from '../shared.js';

const folder = mkdtempSync(join(tmpdir(), 'flo-'));
afterAll(() => rmSync(folder, { recursive: true }));

const flow = { width: 3, height: 2, data: Float32Array.from({ length: 12 }, (_, i) => (i - 5.5) * 3.25) };

/** The bytes of `flow` with a header field set: 0 the tag, 4 the width, 8 the height. */
function withHeader(offset: number, value: number): Uint8Array {
  const bytes = formatFlo(flow);
  new DataView(bytes.buffer).setInt32(offset, value, true);
  return bytes;
}

describe('.flo', () => {
  it('comes back as it was written, and leaves nothing else behind', async () => {
    const path = join(folder, 'sub', 'a.flo');
    await writeFlo(path, flow);
    expect(await readFlo(path)).toEqual(flow);
    expect(readdirSync(join(folder, 'sub'))).toEqual(['a.flo']);
    expect(readFileSync(path).subarray(0, 4).toString('latin1')).toBe('PIEH');
  });

  it.each([
    ['a wrong tag', withHeader(0, 7), /x\.flo: expected the \.flo tag 202021\.25.*found the bytes 07 00 00 00/],
    ['a negative width', withHeader(4, -3), /x\.flo: expected a size.*found -3×2/],
    ['an absurd width', withHeader(4, 0x7fffffff), /x\.flo: expected a size.*found 2147483647×2/],
    ['an absurd area', withHeader(4, 65536).fill(128, 9, 10), /x\.flo: expected a size.*found 65536×32770/],
    ['no rows', withHeader(8, 0), /found 3×0/],
    ['a truncated file', formatFlo(flow).subarray(0, 59), /expected 60 bytes for 3×2 flow, found 59.*truncated/],
    ['trailing bytes', new Uint8Array([...formatFlo(flow), 0]), /expected 60 bytes.*found 61.*after the flow/],
    ['an empty file', new Uint8Array(0), /x\.flo: expected a \.flo header of 12 bytes, found a file of 0 bytes/],
  ])('refuses %s', async (_, bytes, message) => {
    const path = join(folder, 'x.flo');
    writeFileSync(path, bytes);
    await expect(readFlo(path)).rejects.toThrow(message);
  });

  it('names a missing file', async () => {
    await expect(readFlo(join(folder, 'none.flo'))).rejects.toThrow(/cannot read .*none\.flo: no such file/);
  });

  it('reads bytes at any alignment, and turns NaN into unknown flow', () => {
    const data = flow.data.slice();
    data[3] = Number.NaN;
    const shifted = new Uint8Array(61);
    shifted.set(formatFlo({ ...flow, data }), 1);
    for (const bytes of [shifted.subarray(1), Buffer.from(shifted.buffer, 1)]) {
      const read = parseFlo(bytes, 'x');
      expect(read.data[0]).toBe(flow.data[0]);
      expect(read.data[3]).toBe(Math.fround(UNKNOWN_FLOW));
      expect(isUnknownFlow(read.data[2], read.data[3])).toBe(true);
    }
  });

  it('refuses to write data that does not fit the size', async () => {
    await expect(writeFlo(join(folder, 'y.flo'), { ...flow, width: 4 })).rejects.toThrow(/Float32Array of 16 values/);
    expect(readdirSync(folder)).not.toContain('y.flo');
  });
});

describe('KITTI flow', () => {
  it('keeps all 16 bits and the valid flag', async () => {
    const data = Float32Array.of(0, 0, 1 / 64, -1 / 64, -512, 511.984375, 37.125, -9.25, 600, 0, UNKNOWN_FLOW, 0);
    const path = join(folder, 'k.png');
    await writeKittiFlow(path, { width: 3, height: 2, data });
    const read = await readKittiFlow(path);
    expect([...read.data.subarray(0, 8)]).toEqual([...data.subarray(0, 8)]);
    expect([...read.data.subarray(8)].every((value) => value === Math.fround(UNKNOWN_FLOW))).toBe(true);
  });

  it('refuses 8-bit pictures, grey ones, and damaged files', async () => {
    const path = join(folder, 'k8.png');
    await sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } })
      .png()
      .toFile(path);
    await expect(readKittiFlow(path)).rejects.toThrow(/k8\.png: expected KITTI flow.*found png, 3 channels of 8 bit/);
    const whole = await sharp(new Uint16Array(48).fill(40000), { raw: { width: 4, height: 4, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    writeFileSync(path, whole.subarray(0, whole.length - 24));
    await expect(readKittiFlow(path)).rejects.toThrow(/k8\.png: expected a KITTI flow PNG/);
  });
});

describeWithShared('the .flo goldens', ['goldens/metrics/flow/0016E5_07959.flo'], () => {
  it('are written back byte for byte', async () => {
    const path = sharedPath('goldens/metrics/flow/0016E5_07959.flo');
    const read = await readFlo(path);
    expect([read.width, read.height]).toEqual([240, 180]);
    expect(Buffer.compare(formatFlo(read), readFileSync(path))).toBe(0);
  });
});

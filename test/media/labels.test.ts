import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeLabelMap, encodeLabelMap, readColorLabelMap, readLabelMap, writeLabelMap } from '#src/media/labels.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steadyseg-labels-'));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** A PNG file of the given kind; `rows` are packed pixel bytes. */
function png(width: number, height: number, depth: number, colourType: number, rows: number[][], extra: Buffer[] = []) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colourType;
  const pixels = deflateSync(Buffer.concat(rows.map((row) => Buffer.from([0, ...row]))));
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

const palette = (entries: number) => chunk('PLTE', Buffer.from(Array.from({ length: entries * 3 }, (_, i) => 255 - i)));

it('round-trips every id as 8-bit greyscale of one channel', async () => {
  const map = { width: 32, height: 16, data: Uint8Array.from({ length: 512 }, (_, i) => i & 255) };
  const path = join(folder, 'sub', 'map.png');
  await writeLabelMap(path, map);
  const bytes = await readFile(path);
  expect([bytes[24], bytes[25]]).toEqual([8, 0]);
  const back = await readLabelMap(path);
  expect(back).toEqual(map);
  expect((await sharp(path).metadata()).channels).toBe(1);
});

it('keeps maps of one value and of one pixel single-channel', async () => {
  for (const [width, height, id] of [
    [1, 1, 0],
    [1, 1, 255],
    [7, 5, 3],
  ]) {
    const map = { width, height, data: new Uint8Array(width * height).fill(id) };
    const bytes = await encodeLabelMap(map);
    expect([bytes[24], bytes[25]]).toEqual([8, 0]);
    expect(await decodeLabelMap(bytes, 'map')).toEqual(map);
  }
});

describe('palette PNGs', () => {
  it('are read as indices, of 1, 2, 4 and 8 bits', async () => {
    const cases: [number, number[], number[]][] = [
      [1, [0b10110000], [1, 0, 1, 1]],
      [2, [0b00011011], [0, 1, 2, 3]],
      [4, [0x0f, 0x37], [0, 15, 3, 7]],
      [8, [0, 7, 200, 255], [0, 7, 200, 255]],
    ];
    for (const [depth, row, ids] of cases) {
      const map = await decodeLabelMap(png(4, 1, depth, 3, [row], [palette(2 ** depth)]), 'palette');
      expect([...map.data]).toEqual(ids);
    }
  });

  it('keep their indices under transparency', async () => {
    const transparent = chunk('tRNS', Buffer.from([0, 0]));
    const map = await decodeLabelMap(png(2, 1, 8, 3, [[0, 1]], [palette(2), transparent]), 'palette');
    expect([...map.data]).toEqual([0, 1]);
  });

  it('written by another program come back', async () => {
    const path = join(folder, 'palette.png');
    const rgb = Buffer.from([255, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0, 255]);
    await sharp(rgb, { raw: { width: 4, height: 1, channels: 3 } })
      .png({ palette: true, dither: 0 })
      .toFile(path);
    const { data } = await readLabelMap(path);
    expect(new Set(data).size).toBe(3);
    expect(data[0]).toBe(data[2]);
    expect(Math.max(...data)).toBeLessThan(4);
  });
});

it('reads greyscale of 1, 2, 4 and 16 bits as its values', async () => {
  const cases: [number, number[], number[]][] = [
    [1, [0b10110000], [1, 0, 1, 1]],
    [2, [0b00011011], [0, 1, 2, 3]],
    [4, [0x0f, 0x37], [0, 15, 3, 7]],
    [16, [0, 0, 0, 7, 0, 200, 0, 255], [0, 7, 200, 255]],
  ];
  for (const [depth, row, ids] of cases) {
    expect([...(await decodeLabelMap(png(4, 1, depth, 0, [row]), 'grey')).data]).toEqual(ids);
  }
});

describe('label maps in colours', () => {
  const classes = {
    name: 'two',
    classes: ['road', 'sky'],
    palette: [
      [128, 64, 128],
      [70, 130, 180],
    ] as const,
    ignoreLabel: 255,
  };
  const read = async (bytes: Uint8Array, set: Parameters<typeof readColorLabelMap>[1] = classes) => {
    const path = join(folder, 'colours.png');
    await writeFile(path, bytes);
    return [...(await readColorLabelMap(path, set)).data];
  };
  const row = [128, 64, 128, 70, 130, 180, 0, 0, 0];

  it('are read by the palette of the classes; black is ignored', async () => {
    expect(await read(png(3, 1, 8, 2, [row]))).toEqual([0, 1, 255]);
    const withAlpha = [128, 64, 128, 0, 70, 130, 180, 9, 0, 0, 0, 255];
    expect(await read(png(3, 1, 8, 6, [withAlpha]))).toEqual([0, 1, 255]);
    const indexed = png(3, 1, 8, 3, [[2, 0, 1]], [chunk('PLTE', Buffer.from([...row.slice(3), ...row.slice(0, 3)]))]);
    expect(await read(indexed)).toEqual([0, 1, 255]);
    const gamma = chunk('gAMA', Buffer.from([0, 0, 0x20, 0]));
    expect(await read(png(3, 1, 8, 2, [row], [gamma]))).toEqual([0, 1, 255]);
    const black = { ...classes, palette: [classes.palette[0], [0, 0, 0]] as const };
    expect(await read(png(2, 1, 8, 2, [[...row.slice(0, 3), 0, 0, 0]]), black)).toEqual([0, 1]);
  });

  it('are refused with a colour that no class has, or two classes share', async () => {
    await expect(read(png(2, 1, 8, 2, [[128, 64, 128, 1, 2, 3]]))).rejects.toThrow(
      'colours.png: expected the colours of two, found 1,2,3 at (1, 0), which is no class',
    );
    const alike = { ...classes, palette: [classes.palette[0], classes.palette[0]] };
    await expect(read(png(3, 1, 8, 2, [row]), alike)).rejects.toThrow('found 128,64,128 for road and sky');
    await expect(read(png(1, 1, 16, 2, [[0, 1, 0, 2, 0, 3]]))).rejects.toThrow('found 16-bit RGB');
  });
});

it('ignores gamma, profiles and transparency of greyscale', async () => {
  const gamma = chunk('gAMA', Buffer.from([0, 0, 0x20, 0]));
  const transparent = chunk('tRNS', Buffer.from([0, 1]));
  const map = await decodeLabelMap(png(3, 1, 8, 0, [[0, 1, 200]], [gamma, transparent]), 'grey');
  expect([...map.data]).toEqual([0, 1, 200]);
});

describe('what is no label map', () => {
  const refuse = async (bytes: Uint8Array, message: RegExp) => {
    const path = join(folder, 'bad.png');
    await writeFile(path, bytes);
    const error = await readLabelMap(path).then(
      () => new Error('accepted'),
      (thrown: Error) => thrown,
    );
    expect(error.message).toMatch(message);
    expect(error.message).toContain(path);
  };

  it('is refused by kind', async () => {
    await refuse(
      png(2, 1, 16, 0, [[0, 1, 1, 0]]),
      /expected ids up to 255 in a 16-bit label map, found 256 at \(1, 0\)/,
    );
    await refuse(png(1, 1, 8, 2, [[0, 1, 2]]), /found 8-bit RGB; .* --palette/);
    await refuse(png(1, 1, 8, 6, [[0, 1, 2, 3]]), /found 8-bit RGB with alpha/);
    await refuse(png(1, 1, 8, 4, [[0, 1]]), /found 8-bit greyscale with alpha/);
    await refuse(Buffer.from('P5 1 1 255 0 some other format'), /a file of another kind/);
    await refuse(Buffer.alloc(0), /an empty file/);
  });

  it('is refused by size before anything is allocated', async () => {
    await refuse(png(1 << 20, 1 << 20, 8, 0, [[0]]), /found a size of 1048576×1048576/);
    await refuse(png(0, 4, 8, 0, [[0]]), /found a size of 0×4/);
  });

  it('is refused when cut off anywhere, or damaged', async () => {
    const whole = await encodeLabelMap({
      width: 64,
      height: 64,
      data: Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) >> 4),
    });
    for (const length of [4, 20, 40, 200, whole.length - 1]) {
      await refuse(whole.subarray(0, length), /ends after|another kind/);
    }
    // The chunk is whole but what it holds is not: too few pixels.
    await refuse(png(64, 64, 8, 0, [[0, 1, 2]]), /found a damaged one/);
    const damaged = Uint8Array.from(whole);
    damaged.fill(0, 60, 90);
    await refuse(damaged, /found a damaged one/);
  });

  it('is named when it is missing', async () => {
    await expect(readLabelMap(join(folder, 'none.png'))).rejects.toThrow(/none\.png: no such file/);
  });
});

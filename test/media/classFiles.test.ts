// Pictures by class, and pictures from memory.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { classFolders, encodeCutout } from '#src/media/classFiles.js';
import { encodePicture, readPicture, writePicture } from '#src/media/pictures.js';
import { randomPixels } from '../segment/pixels.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-class-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('folders of classes', () => {
  it('have names that every system takes, and that differ', () => {
    expect(classFolders({ classes: ['traffic light', 'Straße', 'a/b'] })).toEqual(['traffic-light', 'straße', 'a-b']);
    expect(classFolders({ classes: ['Road', 'road', '1-road'] })).toEqual(['0-road', '1-road', '2-1-road']);
    expect(classFolders({ classes: ['a', '..'] })).toEqual(['0-a', '1--']);
  });

  it('refuse a frame of another size', async () => {
    const labels = { width: 2, height: 2, data: new Uint8Array(4) };
    await expect(encodeCutout(randomPixels(2, 3), labels, 0)).rejects.toThrow('expected labels of 3×2, found 2×2');
  });
});

describe('pictures from memory', () => {
  it('are read as from a file, and written to be read again', async () => {
    const image = randomPixels(12, 16);
    const bytes = await encodePicture(image, 'png');
    expect(await readPicture(bytes)).toEqual(image);
    await writePicture(join(folder, 'a.jpg'), image);
    expect(await readPicture(readFileSync(join(folder, 'a.jpg')))).toEqual(await readPicture(join(folder, 'a.jpg')));
  });

  it('may be in a format that is read by FFmpeg', async () => {
    const [width, height] = [2, 1];
    // A bitmap of 24 bits: 54 bytes of header, blue before green before red, rows of a multiple of 4 bytes.
    const bytes = Buffer.alloc(54 + 8);
    bytes.write('BM');
    bytes.writeUInt32LE(bytes.length, 2);
    bytes.writeUInt32LE(54, 10);
    bytes.writeUInt32LE(40, 14);
    bytes.writeInt32LE(width, 18);
    bytes.writeInt32LE(height, 22);
    bytes.writeUInt16LE(1, 26);
    bytes.writeUInt16LE(24, 28);
    bytes.set([3, 2, 1, 30, 20, 10], 54);
    expect(await readPicture(bytes)).toEqual({ width, height, data: Uint8Array.from([1, 2, 3, 10, 20, 30]) });
  });

  it('are refused without a file name to give', async () => {
    await expect(readPicture(new Uint8Array(0))).rejects.toThrow(
      'the picture: expected a picture, found an empty file',
    );
    await expect(readPicture(Buffer.from('GIF89a'))).rejects.toThrow(/^the picture: expected a picture \(PNG/);
  });
});

// Indices that list more frames than a file has bytes are refused before FFmpeg takes memory for them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { listedSamples } from '#src/media/mp4Samples.js';
import { openVideo } from '#src/media/video.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-samples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name: string) => Buffer.from(readFileSync(new URL(`../fixtures/video/${name}`, import.meta.url)));
const MANY = 0x7fff_ffff;

/** The file with a number of the first box of a type changed. */
function changed(name: string, box: string, offset: number, value: number): Buffer {
  const bytes = fixture(name);
  bytes.writeUInt32BE(value, bytes.indexOf(box, 0, 'latin1') + 4 + offset);
  return bytes;
}

function box(type: string, ...content: Uint8Array[]): Buffer {
  const inside = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(inside.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, inside]);
}

/** The content of the index of a file. */
function indexOf(bytes: Buffer): Buffer {
  const at = bytes.indexOf('moov', 0, 'latin1');
  return bytes.subarray(at + 4, at - 4 + bytes.readUInt32BE(at - 4));
}

/** FFmpeg reads on behind such a box, where the number may be any. */
function shortened(): Buffer {
  const bytes = fixture('fragmented.mp4');
  bytes.writeUInt32BE(10, bytes.indexOf('trun', 0, 'latin1') - 4);
  return bytes;
}

const bombs: [string, Buffer][] = [
  ['a fragment of samples without sizes', changed('fragmented.mp4', 'trun', 4, MANY)],
  ['a fragment’s table that ends before its number', shortened()],
  ['samples of one size', changed('h264.mp4', 'stsz', 8, MANY)],
  ['times of many samples', changed('h264.mp4', 'stts', 8, MANY)],
  [
    'the same behind a box that says nothing',
    Buffer.concat([box('uuid', Buffer.alloc(16)), changed('h264.mp4', 'stsz', 8, MANY)]),
  ],
  [
    'the same in a compressed index',
    Buffer.concat([
      box('ftyp', Buffer.from('qt  \0\0\0\0', 'latin1')),
      box(
        'moov',
        box('cmov', box('cmvd', Buffer.alloc(4), deflateSync(indexOf(changed('h264.mp4', 'stsz', 8, MANY))))),
      ),
    ]),
  ],
];

describe('an index of more frames than bytes', () => {
  it.each(bombs)('%s: refused, also where what is there is to be read', async (_, bytes) => {
    const path = join(folder, 'bomb.mp4');
    writeFileSync(path, bytes);
    for (const acceptTruncated of [false, true]) {
      await expect(openVideo(path, { acceptTruncated })).rejects.toThrow(/bomb\.mp4: expected at most a frame a byte/);
    }
  });

  it.each(['h264.mp4', 'hevc.mp4', 'mpeg4.mov', 'fragmented.mp4'])(
    '%s: the six frames of a sound one',
    async (name) => {
      const path = join(folder, name);
      writeFileSync(path, fixture(name));
      const video = await openVideo(path);
      let frames = 0;
      for await (const _ of video.frames()) frames++;
      expect(frames).toBe(6);
    },
  );

  it('counts sound apart from pictures', () => {
    const media = (kind: string, count: number) => {
      const handler = Buffer.from(`\0\0\0\0\0\0\0\0${kind}`, 'latin1');
      const sizes = Buffer.alloc(12);
      sizes.writeUInt32BE(count, 8);
      return box('trak', box('mdia', box('hdlr', handler), box('minf', box('stbl', box('stsz', sizes)))));
    };
    const index = Buffer.concat([media('vide', 30), media('soun', 700), media('vide', 12)]);
    expect(listedSamples('moov', index)).toEqual({ pictures: 42, others: 700 });
  });
});

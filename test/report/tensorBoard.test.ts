import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import { beginEvents } from '#src/report/eventLog.js';
import { crc32c, fileHeader, maskedChecksum, scalarRecord } from '#src/report/tensorBoard.js';

/** The data of every record, after both checksums were checked. */
function records(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset);
  const found: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).toBe(maskedChecksum(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedChecksum(data));
    found.push(data);
    at += 16 + length;
  }
  return found;
}

it('computes CRC-32C by its published check value', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
});

it('writes records that read back', () => {
  const scalar = scalarRecord({ tag: 'loss/total', value: 0.5, step: 300, time: 12.25 });
  const file = Buffer.concat([fileHeader(12), scalar]);
  const [header, event] = records(file);
  expect(Buffer.from(header).toString('latin1')).toContain('brain.Event:2');

  const reader = new BinaryReader(event);
  expect([reader.tag()[0], reader.double()]).toEqual([1, 12.25]);
  expect([reader.tag()[0], Number(reader.int64())]).toEqual([2, 300]);
  expect(reader.tag()[0]).toBe(5);
  const summary = new BinaryReader(reader.bytes());
  expect(summary.tag()[0]).toBe(1);
  const value = new BinaryReader(summary.bytes());
  expect([value.tag()[0], value.string()]).toEqual([1, 'loss/total']);
  expect([value.tag()[0], value.float()]).toEqual([2, 0.5]);
});

it('leaves out figures that there are not', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'events-')), 'events');
  const validation = { mIoU: Number.NaN, iou: [], tc: 0.5, frames: 1, pairs: 1 };
  await beginEvents(path, [{ step: 1, time: 2, validation }]);
  const tags = records(readFileSync(path)).map(
    (event) => /validation\/\w+/.exec(Buffer.from(event).toString('latin1'))?.[0],
  );
  expect(tags).toEqual([undefined, 'validation/tc']);
  rmSync(dirname(path), { recursive: true });
});

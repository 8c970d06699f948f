// Middlebury `.flo` files: float32 tag 202021.25, int32 width, int32 height, then (u, v) pairs, little endian.
import { SteadysegError } from '../base/errors.js';
import { readFileBounded, writeFileWhole } from '../base/files.js';
import { MAX_FLOW_SIDE, UNKNOWN_FLOW } from './flowValues.js';
import { checkFlow, type OpticalFlow } from './image.js';

/** The first four bytes of a `.flo` file as a float32; in ASCII they read `PIEH`. */
const FLO_TAG = 202021.25;

const HEADER_BYTES = 12;

/** 8192×8192: 512 MiB of flow, more than an 8K frame; larger fields would not fit beside the frames they belong to. */
export const MAX_FLOW_PIXELS = 8192 * 8192;

/**
 * Reads a `.flo` file. Values that are not finite become `UNKNOWN_FLOW`, so that nothing after this meets a NaN.
 * @throws SteadysegError with the file, the expected and the found, for a wrong tag, a size beyond the limits,
 * a file shorter or longer than its header says, or one that cannot be read.
 */
export async function readFlo(path: string): Promise<OpticalFlow> {
  const bytes = await readFileBounded(path, HEADER_BYTES + MAX_FLOW_PIXELS * 8);
  return parseFlo(bytes, path);
}

/** The flow in the bytes of a `.flo` file; `name` is what errors call it. The result shares memory with `bytes` where it is aligned. */
export function parseFlo(bytes: Uint8Array, name: string): OpticalFlow {
  if (bytes.length < HEADER_BYTES) {
    throw new SteadysegError(
      `${name}: expected a .flo header of ${HEADER_BYTES} bytes, found a file of ${bytes.length} bytes`,
    );
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const tag = header.getFloat32(0, true);
  if (tag !== FLO_TAG) {
    const found = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new SteadysegError(
      `${name}: expected the .flo tag ${FLO_TAG} ("PIEH"), found the bytes ${found}: not a Middlebury .flo file`,
    );
  }
  const width = header.getInt32(4, true);
  const height = header.getInt32(8, true);
  checkFlowSize(width, height, name);
  const expected = HEADER_BYTES + width * height * 8;
  if (bytes.length !== expected) {
    const fault = bytes.length < expected ? 'the file is truncated' : 'there are bytes after the flow';
    throw new SteadysegError(
      `${name}: expected ${expected} bytes for ${width}×${height} flow, found ${bytes.length}: ${fault}`,
    );
  }
  const content = bytes.subarray(HEADER_BYTES);
  // Not `slice`: Node's buffers give a view for that.
  const payload = bytes.byteOffset % 4 === 0 ? content : new Uint8Array(content);
  const data = new Float32Array(payload.buffer, payload.byteOffset, width * height * 2);
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) data[i] = UNKNOWN_FLOW;
  return { width, height, data };
}

/** The bytes of a `.flo` file. @throws SteadysegError when the data does not fit the size. */
export function formatFlo(flow: OpticalFlow): Uint8Array {
  const { width, height, data } = flow;
  checkFlowSize(width, height, 'flow');
  checkFlow(flow);
  const bytes = new Uint8Array(HEADER_BYTES + data.byteLength);
  const header = new DataView(bytes.buffer);
  header.setFloat32(0, FLO_TAG, true);
  header.setInt32(4, width, true);
  header.setInt32(8, height, true);
  new Float32Array(bytes.buffer, HEADER_BYTES).set(data);
  return bytes;
}

/** Writes a `.flo` file, whole or not at all. */
export async function writeFlo(path: string, flow: OpticalFlow): Promise<void> {
  await writeFileWhole(path, formatFlo(flow));
}

/** Refuses a width or height that no flow field has. */
export function checkFlowSize(width: number, height: number, name: string): void {
  if (width < 1 || height < 1 || width > MAX_FLOW_SIDE || height > MAX_FLOW_SIDE || width * height > MAX_FLOW_PIXELS) {
    throw new SteadysegError(
      `${name}: expected a size from 1×1 to ${MAX_FLOW_PIXELS} pixels with sides up to ${MAX_FLOW_SIDE}, found ${width}×${height}`,
    );
  }
}

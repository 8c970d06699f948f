// Raw video: frames one after another without a header, so that their size and pixel format have to be said.
import { AV_PIX_FMT_NONE } from 'node-av/constants';
import { avGetPixFmtFromName, avImageGetBufferSize } from 'node-av/lib';
import { SteadysegError, UsageError } from '../base/errors.js';
import { fileSize } from '../base/files.js';
import type { Size } from './image.js';
import type { Reading } from './videoInput.js';

/** What raw video does not say of itself. */
export interface RawVideo extends Size {
  /** FFmpeg's name, such as rgb24, bgr24, yuv420p or nv12. */
  readonly pixelFormat: string;
  /** Frames a second; default 25. */
  readonly rate?: number | undefined;
}

/** Frames a second where nothing is said. */
const USUAL_RATE = 25;

/** How FFmpeg is to read it. @throws UsageError for a pixel format that it does not know. */
export function readingOf(raw: RawVideo): Reading {
  bytesOfFrame(raw);
  const { width, height, pixelFormat, rate = USUAL_RATE } = raw;
  const options = { video_size: `${width}x${height}`, pixel_format: pixelFormat, framerate: String(rate) };
  return { demuxer: 'rawvideo', options };
}

/** @throws SteadysegError for a file whose last frame is not whole: its frames are of another size or format. */
export async function checkWholeFrames(path: string, raw: RawVideo): Promise<void> {
  const bytes = bytesOfFrame(raw);
  const size = await fileSize(path);
  if (size > 0 && size % bytes === 0) return;
  const { width, height, pixelFormat } = raw;
  throw new SteadysegError(
    `${path}: expected whole frames of ${bytes} bytes (${width}×${height}, ${pixelFormat}), found ${size} bytes: ${Math.floor(size / bytes)} frames and ${size % bytes} bytes`,
  );
}

function bytesOfFrame({ width, height, pixelFormat }: RawVideo): number {
  const format = avGetPixFmtFromName(pixelFormat);
  const bytes = format === AV_PIX_FMT_NONE ? 0 : avImageGetBufferSize(format, width, height, 1);
  if (bytes > 0) return bytes;
  throw new UsageError(
    `expected a pixel format that FFmpeg knows, such as rgb24, bgr24, yuv420p or nv12, found "${pixelFormat}"`,
  );
}

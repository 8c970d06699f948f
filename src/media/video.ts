// Reading video: frames as RGB, in order, one at a time, decoded and converted off the main thread by FFmpeg's libraries.
import {
  AV_FRAME_FLAG_CORRUPT,
  AV_LOG_QUIET,
  AV_NOPTS_VALUE,
  AV_PIX_FMT_RGB24,
  AV_PKT_DATA_DISPLAYMATRIX,
  AV_PKT_DATA_FRAME_CROPPING,
  AV_PKT_FLAG_DISCARD,
  AVCOL_RANGE_JPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_RGB,
  AVCOL_SPC_SMPTE170M,
  AVCOL_SPC_UNSPECIFIED,
  type AVColorSpace,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import {
  Frame as AvFrame,
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  Log,
  Packet,
  SoftwareScaleContext,
  type Stream,
} from 'node-av/lib';
import { SteadysegError } from '../base/errors.js';
import { missingPart } from './container.js';
import type { RgbImage } from './image.js';

// The library reports by errors; FFmpeg's own lines would appear on stderr in the middle of a progress line.
Log.setLevel(AV_LOG_QUIET);

/** Frames a second as an exact fraction. */
export interface FrameRate {
  readonly numerator: number;
  readonly denominator: number;
}

/** What a reader does about a frame that cannot be read: go on without it, or stop. */
export type OnBadFrame = (stem: string, error: SteadysegError) => 'skip' | 'throw';

/** What a video file says of itself. `width` and `height` are those of the frames as they are to be shown (rotated, cropped). */
export interface Video {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  /** The average rate; a video of variable rate is treated as if its frames were evenly spaced. */
  readonly frameRate: FrameRate;
  /** Frames the container lists, or its duration times the rate; the truth is known only after decoding. */
  readonly frameCount: number | undefined;
  /** Decodes from the start each time it is called. Frames before `from`, and those for which `wanted` is false, are decoded but neither converted nor given out. */
  frames(options?: VideoFramesOptions): AsyncGenerator<VideoFrame, void, void>;
}

export interface VideoFrame {
  readonly index: number;
  readonly image: RgbImage;
}

export interface VideoFramesOptions {
  readonly from?: number | undefined;
  readonly wanted?: ((index: number) => boolean) | undefined;
  readonly onBad?: OnBadFrame | undefined;
}

/** The stem of a video frame: its number in six digits, from 000000. */
export function videoStem(index: number): string {
  return String(index).padStart(6, '0');
}

/** Frames above this take more than 400 MB as RGB: a small file can claim to be one. */
const MAX_FRAME_PIXELS = 1 << 27;
/** A decoder gives each error once; one that repeats it while it is drained would never end. */
const MAX_ERRORS_WHILE_DRAINING = 256;
/** Decoding is a small part of segmenting; more threads hold more frames in memory. */
const DECODER_THREADS = 2;
/** How far short of its promised end a video may stop, in frames: containers round durations. */
const END_TOLERANCE_FRAMES = 2;
/** Demuxers that may look at the file: others (playlists, concatenation scripts) can name further files and addresses. */
const DEMUXERS = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm';

/**
 * Opens an MP4, MOV, Matroska or WebM file. Unless `acceptTruncated`, a file that ends before its container says is
 * refused at once; with it, the frames that are there can be read.
 * Colours are converted with the matrix and range the stream states; where it states none, BT.709 is taken for frames
 * wider than 1279 or higher than 576 pixels, else BT.601, as players do. Rotation by quarter turns, mirroring and
 * cropping that the container asks for are applied; non-square pixels are left as they are stored.
 * @throws SteadysegError naming the file when it is missing, cut off, no video, or its codec is unknown.
 */
export async function openVideo(path: string, options: { acceptTruncated?: boolean | undefined } = {}): Promise<Video> {
  const missing = await missingPart(path);
  if (missing !== undefined && options.acceptTruncated !== true) {
    throw new SteadysegError(`${path}: expected ${missing}`);
  }
  const { format, stream } = await openStream(path);
  try {
    const geometry = geometryOf(stream);
    const [width, height] = geometry.size;
    if (width < 1 || height < 1) throw new SteadysegError(`${path}: expected a video, found frames of no size`);
    if (width * height > MAX_FRAME_PIXELS) {
      throw new SteadysegError(
        `${path}: expected frames of at most ${MAX_FRAME_PIXELS} pixels, found ${width}×${height}`,
      );
    }
    const rate = [stream.avgFrameRate, stream.rFrameRate].find(({ num, den }) => num > 0 && den > 0);
    const frameRate = { numerator: rate?.num ?? 25, denominator: rate?.den ?? 1 };
    const seconds =
      stream.duration > 0n ? Number(stream.duration) * secondsOf(stream.timeBase) : Number(format.duration) / 1e6;
    const listed = Number(stream.nbFrames);
    const estimated = Math.round((seconds * frameRate.numerator) / frameRate.denominator);
    return {
      path,
      width,
      height,
      frameRate,
      frameCount: listed > 0 ? listed : estimated > 0 ? estimated : undefined,
      frames: (framesOptions = {}) => decode(path, framesOptions),
    };
  } finally {
    await format.closeInput();
  }
}

async function openStream(path: string): Promise<{ format: FormatContext; stream: Stream }> {
  const format = new FormatContext();
  // Only this file: neither formats nor streams may lead to other files or addresses.
  const limits = Dictionary.fromObject({ protocol_whitelist: 'file', format_whitelist: DEMUXERS });
  const opened = await format.openInput(`file:${path}`, null, limits);
  if (opened < 0) {
    throw new SteadysegError(`${path}: expected an MP4, MOV, Matroska or WebM video, found: ${reason(opened)}`);
  }
  const found = await format.findStreamInfo();
  const index = format.findBestStream(AVMEDIA_TYPE_VIDEO);
  if (found < 0 || index < 0) {
    await format.closeInput();
    throw new SteadysegError(`${path}: expected a video stream, found ${found < 0 ? reason(found) : 'none'}`);
  }
  return { format, stream: format.streams[index] };
}

async function openDecoder(path: string, stream: Stream): Promise<CodecContext> {
  const codec = Codec.findDecoder(stream.codecpar.codecId);
  const decoder = new CodecContext();
  if (codec === null) {
    throw new SteadysegError(
      `${path}: expected a known video codec, found ${stream.codecpar.codecTagString ?? 'none'}`,
    );
  }
  decoder.allocContext3(codec);
  decoder.parametersToContext(stream.codecpar);
  decoder.pktTimebase = stream.timeBase;
  decoder.threadCount = DECODER_THREADS;
  const opened = await decoder.open2(codec);
  if (opened < 0) throw new SteadysegError(`${path}: the ${codec.name} decoder does not open: ${reason(opened)}`);
  return decoder;
}

async function* decode(path: string, options: VideoFramesOptions): AsyncGenerator<VideoFrame, void, void> {
  const { from = 0, wanted = () => true, onBad = () => 'throw' } = options;
  const { format, stream } = await openStream(path);
  const packet = new Packet();
  const frame = new AvFrame();
  const converter = createConverter(path, geometryOf(stream));
  let decoder: CodecContext | undefined;
  try {
    decoder = await openDecoder(path, stream);
    packet.alloc();
    frame.alloc();
    const progress = { packets: 0, end: stream.startTime === AV_NOPTS_VALUE ? 0n : stream.startTime };
    // An MP4 or MOV lists its frames, one a packet: the times of the packets whose frames are still to come tell which are lost.
    const expected: bigint[] | undefined = stream.nbFrames > 0n ? [] : undefined;
    let index = 0;
    let problem = 'its data is damaged';
    let errorsWhileDraining = 0;
    let draining = false;
    const report = (what: string) => {
      const stem = videoStem(index);
      const error = new SteadysegError(`${path}: frame ${stem}: ${what}`);
      if (onBad(stem, error) === 'throw') throw error;
    };
    const lose = () => {
      report(problem);
      index++;
    };
    const refused = (code: number) => {
      problem = `its data is damaged: ${reason(code)}`;
      if (expected === undefined) lose();
    };
    for (;;) {
      const received = await decoder.receiveFrame(frame);
      if (received === AVERROR_EOF) break;
      if (received === AVERROR_EAGAIN) {
        const read = await readPacket(format, stream.index, packet);
        if (read < 0) {
          if (read !== AVERROR_EOF) report(`the file cannot be read on: ${reason(read)}`);
          draining = true;
          await decoder.sendPacket(null);
          continue;
        }
        progress.packets++;
        if (packet.pts !== AV_NOPTS_VALUE) {
          const end = packet.pts + packet.duration;
          if (end > progress.end) progress.end = end;
          if (!packet.hasFlags(AV_PKT_FLAG_DISCARD)) insertSorted(expected, packet.pts);
        }
        const sent = await decoder.sendPacket(packet);
        packet.unref();
        if (sent < 0) refused(sent);
        continue;
      }
      if (received < 0) {
        refused(received);
        if (draining && ++errorsWhileDraining > MAX_ERRORS_WHILE_DRAINING) break;
        continue;
      }
      if (expected !== undefined && frame.pts !== AV_NOPTS_VALUE) {
        while (expected.length > 0 && expected[0] < frame.pts) {
          expected.shift();
          lose();
        }
        if (expected[0] === frame.pts) expected.shift();
      }
      if (frame.decodeErrorFlags !== 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) !== 0) {
        report('its data is damaged');
      } else if (index >= from && wanted(index)) {
        yield { index, image: await converter.convert(frame, index) };
      }
      frame.unref();
      index++;
    }
    for (let lost = 0; lost < (expected?.length ?? 0); lost++) lose();
    const missing = missingAtEnd(stream, progress);
    if (missing !== undefined) report(missing);
  } finally {
    converter.free();
    packet.free();
    frame.free();
    decoder?.freeContext();
    await format.closeInput();
  }
}

/** Reads the next packet of the stream; 0, or FFmpeg's error code. */
async function readPacket(format: FormatContext, streamIndex: number, packet: Packet): Promise<number> {
  for (;;) {
    const read = await format.readFrame(packet);
    if (read < 0 || packet.streamIndex === streamIndex) return read;
    packet.unref();
  }
}

function insertSorted(times: bigint[] | undefined, time: bigint): void {
  if (times === undefined) return;
  let at = times.length;
  while (at > 0 && times[at - 1] > time) at--;
  times.splice(at, 0, time);
}

/** What the container listed and the stream did not deliver. Fewer packets alone are no fault: an edit list may leave some out. */
function missingAtEnd(stream: Stream, { packets, end }: { packets: number; end: bigint }): string | undefined {
  const listed = Number(stream.nbFrames);
  if (packets === 0) return 'expected at least one frame, found none';
  if (listed <= packets || stream.duration <= 0n) return undefined;
  const start = stream.startTime === AV_NOPTS_VALUE ? 0n : stream.startTime;
  const promised = Number(stream.duration) * secondsOf(stream.timeBase);
  const found = Number(end - start) * secondsOf(stream.timeBase);
  const { num, den } = stream.avgFrameRate;
  const tolerance = num > 0 ? (END_TOLERANCE_FRAMES * den) / num : 0.1;
  if (promised - found <= tolerance) return undefined;
  return `expected ${promised.toFixed(2)} s (${listed} frames), found ${found.toFixed(2)} s (${packets} frames): the file is cut off`;
}

/** Where the pixels shown lie among those decoded: a rectangle, then quarter turns and mirroring. */
interface Geometry {
  readonly decoded: readonly [width: number, height: number];
  readonly left: number;
  readonly top: number;
  readonly cropped: readonly [width: number, height: number];
  /** The display matrix' upper left part, each 0, 1 or -1: shown x = a·x + c·y, shown y = b·x + d·y (up to a shift). */
  readonly turn: readonly [a: number, b: number, c: number, d: number];
  readonly size: readonly [width: number, height: number];
}

function geometryOf(stream: Stream): Geometry {
  const { codecpar: parameters } = stream;
  const decoded = [parameters.width, parameters.height] as const;
  const crop = parameters.getCodedSideData(AV_PKT_DATA_FRAME_CROPPING);
  const [top, bottom, left, right] =
    crop?.length === 16 ? [0, 4, 8, 12].map((at) => crop.readUInt32LE(at)) : [0, 0, 0, 0];
  const fits = left + right < decoded[0] && top + bottom < decoded[1];
  const cropped = fits ? ([decoded[0] - left - right, decoded[1] - top - bottom] as const) : decoded;
  const turn = turnOf(parameters.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX));
  const size = turn[0] === 0 ? ([cropped[1], cropped[0]] as const) : cropped;
  return { decoded, left: fits ? left : 0, top: fits ? top : 0, cropped, turn, size };
}

/** The quarter turns and mirroring of a display matrix (nine 32-bit numbers, 16.16 fixed point); none when it turns by other angles. */
function turnOf(matrix: Buffer | null): Geometry['turn'] {
  if (matrix === null || matrix.length < 36) return [1, 0, 0, 1];
  const [a, b, c, d] = [0, 4, 12, 16].map((at) => Math.sign(Math.round(matrix.readInt32LE(at) / 65536)));
  return a * d - b * c !== 0 && a * b === 0 && c * d === 0 ? [a, b, c, d] : [1, 0, 0, 1];
}

/** Converts decoded frames to RGB at the size shown; one buffer of FFmpeg's is used again for all. */
function createConverter(path: string, { decoded, left, top, cropped, turn, size }: Geometry) {
  const [width, height] = decoded;
  const scaler = new SoftwareScaleContext();
  // Without a fixed setup the scaler takes sizes, formats, matrix and range from the frames.
  scaler.allocContext();
  const rgb = new AvFrame();
  rgb.alloc();
  rgb.width = width;
  rgb.height = height;
  rgb.format = AV_PIX_FMT_RGB24;
  rgb.getBuffer(1);
  rgb.colorSpace = AVCOL_SPC_RGB;
  rgb.colorRange = AVCOL_RANGE_JPEG;
  const plain = cropped[0] === width && cropped[1] === height && turn[0] === 1 && turn[3] === 1;

  return {
    async convert(frame: AvFrame, index: number): Promise<RgbImage> {
      if (frame.width !== width || frame.height !== height) {
        throw new SteadysegError(
          `${path}: frame ${videoStem(index)}: expected ${width}×${height} as before, found ${frame.width}×${frame.height}`,
        );
      }
      if (frame.colorSpace === AVCOL_SPC_UNSPECIFIED) frame.colorSpace = colorMatrixFor(width, height);
      // Equal primaries and transfer: the scaler changes the representation only, not the colours.
      rgb.colorPrimaries = frame.colorPrimaries;
      rgb.colorTrc = frame.colorTrc;
      const converted = await scaler.scaleFrame(rgb, frame);
      if (converted < 0) {
        throw new SteadysegError(
          `${path}: frame ${videoStem(index)}: cannot be converted to RGB: ${reason(converted)}`,
        );
      }
      const packed = rgb.toBuffer();
      const pixels = new Uint8Array(packed.buffer, packed.byteOffset, width * height * 3);
      return { width: size[0], height: size[1], data: plain ? pixels : place(pixels) };
    },
    free(): void {
      scaler.freeContext();
      rgb.free();
    },
  };

  /** Crops, turns and mirrors: the source of shown pixel (X, Y) is linear in X and Y. */
  function place(pixels: Uint8Array): Uint8Array {
    const [a, b, c, d] = turn;
    const stepX = (a + c * width) * 3;
    const stepY = (b + d * width) * 3;
    const firstX = left + (a + b < 0 ? cropped[0] - 1 : 0);
    const firstY = top + (c + d < 0 ? cropped[1] - 1 : 0);
    const out = new Uint8Array(size[0] * size[1] * 3);
    for (let y = 0, to = 0; y < size[1]; y++) {
      let at = (firstY * width + firstX) * 3 + y * stepY;
      for (let x = 0; x < size[0]; x++, to += 3, at += stepX) {
        out[to] = pixels[at];
        out[to + 1] = pixels[at + 1];
        out[to + 2] = pixels[at + 2];
      }
    }
    return out;
  }
}

/** The matrix between RGB and YUV that players take for a frame size when a stream names none: BT.709 for high definition, else BT.601. */
export function colorMatrixFor(width: number, height: number): AVColorSpace {
  return width >= 1280 || height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

function secondsOf(timeBase: { num: number; den: number }): number {
  return timeBase.num / timeBase.den;
}

function reason(code: number): string {
  return FFmpegError.strerror(code);
}

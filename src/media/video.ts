// Reading video: frames as RGB, in order, one at a time, decoded and converted off the main thread by FFmpeg's libraries.
import {
  AV_CODEC_ID_MPEG4,
  AV_CODEC_ID_THEORA,
  AV_CODEC_ID_VP3,
  AV_CODEC_ID_VP4,
  AV_CODEC_ID_VP8,
  AV_FRAME_FLAG_CORRUPT,
  AV_FRAME_FLAG_INTERLACED,
  AV_NOPTS_VALUE,
  AV_PKT_FLAG_DISCARD,
  AVCOL_PRI_BT2020,
  AVCOL_TRC_ARIB_STD_B67,
  AVCOL_TRC_SMPTE2084,
  AVERROR_EAGAIN,
  AVERROR_EOF,
} from 'node-av/constants';
import { Frame as AvFrame, Codec, CodecContext, type FormatContext, Packet, type Stream } from 'node-av/lib';
import { messageOf, SteadysegError } from '../base/errors.js';
import { createCadence } from './cadence.js';
import { containerOutline } from './container.js';
import { createFrameAccount } from './frameAccount.js';
import { createFrameConverter, geometryOf } from './frameConverter.js';
import type { RgbImage } from './image.js';
import { type Mp4Promise, readMp4Promise } from './mp4Index.js';
import { checkWholeFrames, type RawVideo, readingOf } from './rawVideo.js';
import { isStream, nameOf, type OpenVideoInput, openVideoInput, reason } from './videoInput.js';

/** Frames a second as an exact fraction. */
export interface FrameRate {
  readonly numerator: number;
  readonly denominator: number;
}

/** What a reader does about a frame that cannot be read: go on without it, or stop. */
export type OnBadFrame = (stem: string, error: SteadysegError) => 'skip' | 'throw';

/** What a video says of itself. `width` and `height` are those of the frames as they are to be shown (rotated, cropped). */
export interface Video {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  /** The average rate; a video of variable rate is treated as if its frames were evenly spaced. */
  readonly frameRate: FrameRate;
  /** Frames the container lists, or its duration times the rate; the truth is known only after decoding. */
  readonly frameCount: number | undefined;
  /** Whether it comes once, as it is sent (a camera, an address, standard input). */
  readonly isStream: boolean;
  /**
   * Decodes from the start each time it is called; a stream, once. Frames before `from`, and those for which `wanted` is
   * false, are decoded but neither converted nor given out.
   */
  frames(options?: VideoFramesOptions): AsyncGenerator<VideoFrame, void, void>;
  /** Closes what is open: of a stream whose frames nobody asked for. */
  close(): Promise<void>;
}

export interface VideoFrame {
  readonly index: number;
  readonly image: RgbImage;
}

export interface VideoFramesOptions {
  readonly from?: number | undefined;
  /** `seconds` is the time since the first frame. */
  readonly wanted?: ((index: number, seconds: number) => boolean) | undefined;
  readonly onBad?: OnBadFrame | undefined;
}

/** How a video is opened. */
export interface VideoOptions {
  /** Read what there is of a file that was cut off, instead of refusing it. */
  readonly acceptTruncated?: boolean | undefined;
  /** FFmpeg's name of what a file is to be read as; default: what its content tells. */
  readonly demuxer?: string | undefined;
  /** Set for frames without a header. */
  readonly raw?: RawVideo | undefined;
  /** Told what a user should know of the video: high dynamic range, interlacing, dropped frames, … */
  readonly onNote?: ((note: string) => void) | undefined;
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
/**
 * FFmpeg's VP3 family in frame threads now and then copies blocks from a frame that another thread still decodes, and
 * says nothing: one frame in ten was partly black on a busy machine.
 */
const SINGLE_THREADED: ReadonlySet<number> = new Set([AV_CODEC_ID_VP3, AV_CODEC_ID_VP4, AV_CODEC_ID_THEORA]);
/** How far short of its promised end a video may stop, in seconds: containers round durations, and audio ends elsewhere. */
const END_TOLERANCE_SECONDS = 1;
/** Containers whose header states how long they are; of others FFmpeg guesses. */
const statesDuration = /avi|flv|asf/;
/** MPEG-4's way to say "as before" takes a few bytes. */
const MAX_NOT_CODED_BYTES = 8;
/** Frames a second where a stream says nothing. */
const USUAL_RATE = 25;

/**
 * Opens a video of any container and codec that FFmpeg's libraries read alone (playlists, which lead to other files, are
 * none): a file, an address (http, https, rtsp), a camera (/dev/video0), or standard input (`-`). Unless
 * `acceptTruncated`, a file that ends before its container says is refused at once.
 * Colours are converted with the matrix and range the stream states; where it states none, BT.709 is taken for frames
 * wider than 1279 or higher than 576 pixels, else BT.601, as players do. Rotation by quarter turns, mirroring and
 * cropping that the container asks for are applied; fields are woven; non-square pixels are left as they are stored.
 * @throws SteadysegError naming the file when it is missing, cut off, no video, or its codec is unknown.
 */
export async function openVideo(path: string, options: VideoOptions = {}): Promise<Video> {
  const notes = new Set<string>();
  const note = (text: string) => {
    if (notes.has(text)) return;
    notes.add(text);
    options.onNote?.(`${nameOf(path)}: ${text}`);
  };
  const live = isStream(path);
  const { raw, demuxer } = options;
  if (raw && !live && options.acceptTruncated !== true) await checkWholeFrames(path, raw);
  const reading = raw ? readingOf(raw) : demuxer === undefined ? undefined : { demuxer };
  const outline = live || raw ? {} : await containerOutline(path);
  if (outline.missing !== undefined && options.acceptTruncated !== true) {
    throw new SteadysegError(`${path}: expected ${outline.missing}`);
  }
  if (outline.excess !== undefined) throw new SteadysegError(`${path}: expected ${outline.excess}`);
  const first = await openVideoInput(path, reading);
  const { format, stream, tracks } = first;
  let waiting: OpenVideoInput | undefined = live ? first : undefined;
  try {
    const [width, height] = geometryOf(stream).size;
    if (width < 1 || height < 1) throw new SteadysegError(`${nameOf(path)}: expected a video, found frames of no size`);
    if (width * height > MAX_FRAME_PIXELS) {
      throw new SteadysegError(
        `${nameOf(path)}: expected frames of at most ${MAX_FRAME_PIXELS} pixels, found ${width}×${height}`,
      );
    }
    describeStream(stream, note);
    if (tracks.length > 1) {
      const number = tracks.findIndex(({ index }) => index === stream.index) + 1;
      note(`it has ${tracks.length} video tracks: number ${number} (${width}×${height}) is taken`);
    }
    const promise = outline.index && promiseOf(path, outline.index, stream.id, options.acceptTruncated);
    const rate = [stream.avgFrameRate, stream.rFrameRate].find(({ num, den }) => num > 0 && den > 0);
    const frameRate = { numerator: rate?.num ?? USUAL_RATE, denominator: rate?.den ?? 1 };
    return {
      path,
      width,
      height,
      frameRate,
      frameCount: live ? undefined : frameCountOf(format, stream, frameRate, promise),
      isStream: live,
      async *frames(framesOptions = {}) {
        const input = live ? waiting : await openVideoInput(path, reading);
        if (!input) throw new SteadysegError(`${nameOf(path)}: expected its frames to be read once, as they come`);
        waiting = undefined;
        yield* decode(path, input, { ...framesOptions, note, promise });
      },
      async close() {
        await waiting?.format.closeInput();
        waiting = undefined;
      },
    };
  } catch (thrown) {
    if (live) await format.closeInput();
    throw thrown;
  } finally {
    if (!live) await format.closeInput();
  }
}

/** The promise of an MP4's index. A damaged one is refused, unless what can be read of it is wanted. */
function promiseOf(
  path: string,
  index: Uint8Array,
  track: number,
  accept: boolean | undefined,
): Mp4Promise | undefined {
  try {
    return readMp4Promise(index, track);
  } catch (thrown) {
    if (accept === true && thrown instanceof SteadysegError) {
      return { stored: 0, shown: 0, edits: 0, contradiction: thrown.message };
    }
    throw thrown instanceof SteadysegError
      ? new SteadysegError(`${path}: ${thrown.message}`, { cause: thrown })
      : thrown;
  }
}

function frameCountOf(
  format: FormatContext,
  stream: Stream,
  { numerator, denominator }: FrameRate,
  promise: Mp4Promise | undefined,
): number | undefined {
  if (promise !== undefined && promise.shown > 0) return promise.shown;
  const listed = Number(stream.nbFrames);
  if (listed > 0) return listed;
  const seconds =
    stream.duration > 0n ? Number(stream.duration) * secondsOf(stream.timeBase) : Number(format.duration) / 1e6;
  const estimated = Math.round((seconds * numerator) / denominator);
  return estimated > 0 ? estimated : undefined;
}

/** What a stream states that changes what a network sees. */
function describeStream({ codecpar, sampleAspectRatio }: Stream, note: (text: string) => void): void {
  const transfer = codecpar.colorTrc;
  if (transfer === AVCOL_TRC_SMPTE2084 || transfer === AVCOL_TRC_ARIB_STD_B67) {
    const name = transfer === AVCOL_TRC_SMPTE2084 ? 'PQ' : 'HLG';
    note(
      `high dynamic range (${name}${codecpar.colorPrimaries === AVCOL_PRI_BT2020 ? ', BT.2020' : ''}): frames are taken as 8-bit RGB without tone mapping, so they look paler than networks are used to`,
    );
  }
  const { num, den } = [codecpar.sampleAspectRatio, sampleAspectRatio].find((ratio) => ratio.num > 0) ?? {
    num: 1,
    den: 1,
  };
  if (num !== den) note(`its pixels are not square (${num}:${den}): frames are taken as they are stored`);
}

async function openDecoder(path: string, stream: Stream): Promise<CodecContext> {
  const codec = Codec.findDecoder(stream.codecpar.codecId);
  const decoder = new CodecContext();
  if (codec === null) {
    throw new SteadysegError(
      `${nameOf(path)}: expected a known video codec, found ${stream.codecpar.codecTagString ?? 'none'}`,
    );
  }
  decoder.allocContext3(codec);
  decoder.parametersToContext(stream.codecpar);
  decoder.pktTimebase = stream.timeBase;
  decoder.threadCount = SINGLE_THREADED.has(stream.codecpar.codecId) ? 1 : DECODER_THREADS;
  const opened = await decoder.open2(codec);
  if (opened < 0)
    throw new SteadysegError(`${nameOf(path)}: the ${codec.name} decoder does not open: ${reason(opened)}`);
  return decoder;
}

interface DecodeOptions extends VideoFramesOptions {
  readonly note: (text: string) => void;
  readonly promise: Mp4Promise | undefined;
}

async function* decode(
  path: string,
  { format, stream }: OpenVideoInput,
  { from = 0, wanted = () => true, onBad = () => 'throw', note, promise }: DecodeOptions,
): AsyncGenerator<VideoFrame, void, void> {
  const packet = new Packet();
  const frame = new AvFrame();
  const converter = createFrameConverter(geometryOf(stream));
  const account = createFrameAccount();
  const secondsPerTick = secondsOf(stream.timeBase);
  const cadence = createCadence(secondsPerTick);
  const timeOf = presentationTimes(stream);
  let decoder: CodecContext | undefined;
  let index = 0;
  let problem = 'its data is damaged';
  const report = (what: string) => {
    const stem = videoStem(index);
    const error = new SteadysegError(`${nameOf(path)}: frame ${stem}: ${what}`);
    if (onBad(stem, error) === 'throw') throw error;
  };
  const lose = (count: number) => {
    for (let k = 0; k < count; k++, index++) report(problem);
  };
  try {
    decoder = await openDecoder(path, stream);
    packet.alloc();
    frame.alloc();
    const read = { frames: 0, leading: 0, end: Number.NEGATIVE_INFINITY };
    let firstTime: bigint | undefined;
    let errorsWhileDraining = 0;
    let draining = false;
    for (;;) {
      const received = await decoder.receiveFrame(frame);
      if (received === AVERROR_EOF) break;
      if (received === AVERROR_EAGAIN) {
        const code = await readPacket(format, stream.index, packet);
        if (code < 0) {
          if (code !== AVERROR_EOF) report(`it cannot be read on: ${reason(code)}`);
          draining = true;
          await decoder.sendPacket(null);
          continue;
        }
        const time = timeOf(packet);
        read.end = Math.max(read.end, endOf(packet, secondsPerTick));
        // Decoders hand a packet's time on to its frame: with a number in its place, each frame tells its packet.
        let number = AV_NOPTS_VALUE;
        if (!packet.hasFlags(AV_PKT_FLAG_DISCARD) && givesFrame(stream, packet)) {
          number = BigInt(account.sent({ time, key: packet.isKeyframe }));
          read.frames++;
        }
        packet.pts = number;
        const sent = packet.size === 0 ? 0 : await decoder.sendPacket(packet);
        packet.unref();
        if (sent < 0) problem = `its data is damaged: ${reason(sent)}`;
        continue;
      }
      if (received < 0) {
        problem = `its data is damaged: ${reason(received)}`;
        if (draining && ++errorsWhileDraining > MAX_ERRORS_WHILE_DRAINING) break;
        continue;
      }
      const interlaced = frame.hasFlags(AV_FRAME_FLAG_INTERLACED);
      const number = frame.pts === AV_NOPTS_VALUE ? undefined : Number(frame.pts);
      const { time, lost, leading, late } = account.arrived(number, interlaced);
      read.leading += leading;
      if (leading > 0) note(withoutLeading(leading));
      if (interlaced) note('interlaced: the two fields of each frame are woven into one picture, moving edges show it');
      lose(lost);
      if (late) report('its times contradict the order of its frames');
      if (lost > 0) cadence.pause();
      if (time === undefined) cadence.pause();
      else cadence.add(time);
      firstTime ??= time;
      const seconds =
        time === undefined || firstTime === undefined
          ? index / rateOf(stream)
          : Number(time - firstTime) * secondsPerTick;
      if (frame.decodeErrorFlags !== 0 || frame.hasFlags(AV_FRAME_FLAG_CORRUPT)) {
        report('its data is damaged');
      } else if (index >= from && wanted(index, seconds)) {
        const image = await converter.convert(frame).catch((thrown: unknown) => report(messageOf(thrown)));
        if (image) yield { index, image };
      }
      frame.unref();
      index++;
    }
    const { lost, leading } = account.ended();
    if (leading > 0) note(withoutLeading(read.leading + leading));
    lose(lost);
    if (index === 0) report('expected at least one frame that can be decoded, found none');
    const missing = missingAtEnd(format, stream, promise, read);
    if (missing !== undefined) report(missing);
    else if (promise?.contradiction !== undefined) note(promise.contradiction);
    else if (promise !== undefined && promise.shown < promise.stored)
      note(`its edit list leaves out ${promise.stored - promise.shown} of ${promise.stored} frames`);
  } finally {
    const uneven = cadence.describe();
    if (uneven !== undefined) note(uneven);
    converter.free();
    packet.free();
    frame.free();
    decoder?.freeContext();
    await format.closeInput();
  }
}

function withoutLeading(count: number): string {
  return `it was cut: it starts at the first frame that can be decoded, without ${count} ${count === 1 ? 'frame that refers' : 'frames that refer'} to what is not there`;
}

/** Reads the next packet of the stream; 0, or FFmpeg's error code. */
async function readPacket(format: FormatContext, streamIndex: number, packet: Packet): Promise<number> {
  for (;;) {
    const read = await format.readFrame(packet);
    if (read < 0 || packet.streamIndex === streamIndex) return read;
    packet.unref();
  }
}

/**
 * The times of a stream's packets, as far as they tell the order of frames: where frames are reordered and a container
 * knows the order of decoding only, FFmpeg gives that for both.
 */
function presentationTimes({ codecpar }: Stream): (packet: Packet) => bigint | undefined {
  let trusted = codecpar.videoDelay === 0;
  return ({ pts, dts }) => {
    trusted ||= pts !== dts;
    return trusted && pts !== AV_NOPTS_VALUE ? pts : undefined;
  };
}

/** Whether a packet is of a frame that is shown: not VP8's hidden reference frames, nor those that say "as before" (empty; MPEG-4's "not coded"). */
function givesFrame({ codecpar: { codecId } }: Stream, packet: Packet): boolean {
  if (packet.size === 0) return false;
  if (codecId === AV_CODEC_ID_VP8) return (((packet.data?.[0] ?? 0) >> 4) & 1) === 1;
  return codecId !== AV_CODEC_ID_MPEG4 || packet.size > MAX_NOT_CODED_BYTES;
}

/** When a packet's frame ends, or at least is decoded, in seconds. */
function endOf({ pts, dts, duration }: Packet, secondsPerTick: number): number {
  const start = pts === AV_NOPTS_VALUE ? dts : pts;
  return start === AV_NOPTS_VALUE ? Number.NEGATIVE_INFINITY : Number(start + duration) * secondsPerTick;
}

/** What the container promised and the stream did not deliver, in words. */
function missingAtEnd(
  format: FormatContext,
  stream: Stream,
  promise: Mp4Promise | undefined,
  { frames, end }: { frames: number; end: number },
): string | undefined {
  if (promise !== undefined) {
    if (promise.shown > 0 && frames >= promise.shown - promise.edits) return undefined;
    const why = promise.contradiction === undefined ? 'the file is cut off or damaged' : promise.contradiction;
    return `expected ${promise.shown} frames, found ${frames}: ${why}`;
  }
  const promised = statedEnd(format, stream);
  if (promised === undefined || end === Number.NEGATIVE_INFINITY || promised - end <= END_TOLERANCE_SECONDS)
    return undefined;
  return `expected ${promised.toFixed(2)} s, found ${end.toFixed(2)} s: the file is cut off or damaged`;
}

/** When the video ends by its container's own word, in seconds; undefined where FFmpeg would have to guess. */
function statedEnd(format: FormatContext, stream: Stream): number | undefined {
  const start = stream.startTime === AV_NOPTS_VALUE ? 0 : Number(stream.startTime) * secondsOf(stream.timeBase);
  const tag = /^(\d+):(\d\d):([\d.]+)/.exec(stream.metadata?.get('DURATION') ?? '');
  if (tag) return Number(tag[1]) * 3600 + Number(tag[2]) * 60 + Number(tag[3]);
  if (!statesDuration.test(format.iformat?.name ?? '') || format.duration <= 0n) return undefined;
  return start + Number(format.duration) / 1e6;
}

function rateOf(stream: Stream): number {
  const rate = [stream.avgFrameRate, stream.rFrameRate].find(({ num, den }) => num > 0 && den > 0);
  return rate ? rate.num / rate.den : USUAL_RATE;
}

function secondsOf(timeBase: { num: number; den: number }): number {
  return timeBase.num / timeBase.den;
}

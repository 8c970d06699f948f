// Pictures and videos that the tests make for themselves.
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_CODEC_FLAG_INTERLACED_DCT,
  AV_CODEC_FLAG_INTERLACED_ME,
  AV_FRAME_FLAG_INTERLACED,
  AV_FRAME_FLAG_TOP_FIELD_FIRST,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUV420P,
  AV_PKT_DATA_DISPLAYMATRIX,
  type AVColorTransferCharacteristic,
  type AVDisposition,
  type AVPixelFormat,
} from 'node-av/constants';
import {
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  Frame,
  Packet,
  Rational,
  SoftwareScaleContext,
} from 'node-av/lib';
import type { RgbImage } from '#src/media/image.js';

/** A picture whose pixel (x, y) is `color(x, y)`. */
export function picture(
  width: number,
  height: number,
  color: (x: number, y: number) => readonly [number, number, number],
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(color(x, y), (y * width + x) * 3);
  }
  return { width, height, data };
}

/** Eight vertical bars: the corners of the colour cube. */
export function colorBars(width: number, height: number): RgbImage {
  return picture(width, height, (x) => {
    const bar = Math.floor((x * 8) / width);
    return [(bar & 1) * 255, ((bar >> 1) & 1) * 255, ((bar >> 2) & 1) * 255];
  });
}

/** One grey for each frame number, so that a frame tells which it is. */
export function numbered(width: number, height: number, index: number): RgbImage {
  return picture(width, height, () => [40 + index * 10, 40 + index * 10, 40 + index * 10]);
}

export function meanAbsoluteDifference(a: RgbImage, b: RgbImage): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i] - b.data[i]);
  return sum / a.data.length;
}

function check(code: number): void {
  FFmpegError.throwIfError(code);
}

export interface ForeignOptions {
  readonly displayMatrix?: readonly number[];
  /** In tenths of a second (or in frames of `rate`). */
  readonly presentationTimes?: readonly number[];
  /** Frames a second; default 10. */
  readonly rate?: number;
  readonly pixelFormat?: AVPixelFormat;
  /** Both fields of a frame are coded apart. */
  readonly interlaced?: boolean;
  readonly transfer?: AVColorTransferCharacteristic;
  readonly pixelAspect?: readonly [number, number];
  /** The encoder's own options, such as x264-params. */
  readonly encoderOptions?: Readonly<Record<string, string>>;
  /** Of its track, such as "attached picture". */
  readonly disposition?: AVDisposition;
  /** How many tracks have the same frames; default 1. */
  readonly tracks?: number;
  /** Which packets, by their number in the order of decoding, reach the file; default: all. */
  readonly keepPacket?: (index: number) => boolean;
}

/** Encodes with the named container and codec, without colour tags unless asked: what other programs write. */
export async function foreignVideo(
  path: string,
  container: string,
  codecName: string,
  images: readonly RgbImage[],
  options: ForeignOptions = {},
): Promise<void> {
  const { width, height } = images[0];
  const { rate = 10, pixelFormat = AV_PIX_FMT_YUV420P, interlaced = false, keepPacket = () => true } = options;
  const codec = Codec.getCodecList().find((candidate) => candidate.name === codecName && candidate.isEncoder());
  if (!codec) throw new Error(`no encoder ${codecName}`);
  const format = new FormatContext();
  check(format.allocOutputContext2(null, container, path));
  const encoder = new CodecContext();
  encoder.allocContext3(codec);
  encoder.width = width;
  encoder.height = height;
  encoder.pixelFormat = pixelFormat;
  encoder.timeBase = new Rational(1, rate);
  encoder.framerate = new Rational(rate, 1);
  // A bare stream has no header to keep them in.
  if (container !== 'h264') encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  if (interlaced) encoder.setFlags(AV_CODEC_FLAG_INTERLACED_DCT, AV_CODEC_FLAG_INTERLACED_ME);
  if (options.transfer !== undefined) encoder.colorTrc = options.transfer;
  if (options.pixelAspect) encoder.sampleAspectRatio = new Rational(...options.pixelAspect);
  encoder.bitRate = 4_000_000n;
  check(await encoder.open2(codec, Dictionary.fromObject({ ...options.encoderOptions })));
  const stream = format.newStream(codec);
  check(stream.codecpar.fromContext(encoder));
  stream.timeBase = new Rational(1, rate);
  stream.avgFrameRate = new Rational(rate, 1);
  if (options.displayMatrix) {
    const matrix = Buffer.alloc(36);
    for (const [at, value] of options.displayMatrix.entries()) matrix.writeInt32LE(value, at * 4);
    check(stream.codecpar.addCodedSideData(AV_PKT_DATA_DISPLAYMATRIX, matrix));
  }
  if (options.disposition !== undefined) stream.setDisposition(options.disposition);
  const copies = Array.from({ length: (options.tracks ?? 1) - 1 }, () => format.newStream(codec));
  for (const copy of copies) {
    check(copy.codecpar.fromContext(encoder));
    copy.timeBase = stream.timeBase;
  }
  check(await format.openOutput());
  check(await format.writeHeader());
  const packet = new Packet();
  packet.alloc();
  let packets = 0;
  const drain = async () => {
    while ((await encoder.receivePacket(packet)) >= 0) {
      packet.streamIndex = 0;
      packet.duration = 1n;
      packet.rescaleTs({ num: 1, den: rate }, stream.timeBase);
      for (const copy of copies) {
        const same = packet.clone();
        if (!same) throw new Error('a packet cannot be copied');
        same.streamIndex = copy.index;
        check(await format.interleavedWriteFrame(same));
        same.free();
      }
      if (keepPacket(packets++)) check(await format.interleavedWriteFrame(packet));
      else packet.unref();
    }
  };
  const scaler = new SoftwareScaleContext();
  scaler.allocContext();
  for (const [index, image] of images.entries()) {
    const rgb = new Frame();
    const stored = new Frame();
    for (const [frame, format] of [
      [rgb, AV_PIX_FMT_RGB24],
      [stored, pixelFormat],
    ] as const) {
      frame.alloc();
      frame.width = width;
      frame.height = height;
      frame.format = format;
      check(frame.getBuffer());
    }
    check(rgb.fromBuffer(Buffer.from(image.data)));
    if (options.transfer !== undefined) for (const frame of [rgb, stored]) frame.colorTrc = options.transfer;
    check(await scaler.scaleFrame(stored, rgb));
    if (interlaced) stored.setFlags(AV_FRAME_FLAG_INTERLACED, AV_FRAME_FLAG_TOP_FIELD_FIRST);
    stored.pts = BigInt(options.presentationTimes?.[index] ?? index);
    check(await encoder.sendFrame(stored));
    await drain();
    rgb.free();
    stored.free();
  }
  check(await encoder.sendFrame(null));
  await drain();
  check(await format.writeTrailer());
  packet.free();
  scaler.freeContext();
  encoder.freeContext();
  await format.closeOutput();
  format.freeContext();
}

/** The first frame as it is stored: its colour tags, and the first value of each plane. */
export async function firstStoredFrame(path: string) {
  const format = new FormatContext();
  check(await format.openInput(path));
  check(await format.findStreamInfo());
  const { codecpar } = format.streams[0];
  const decoder = new CodecContext();
  const codec = Codec.findDecoder(codecpar.codecId);
  decoder.allocContext3(codec);
  check(decoder.parametersToContext(codecpar));
  check(await decoder.open2(codec));
  const [packet, frame] = [new Packet(), new Frame()];
  packet.alloc();
  frame.alloc();
  check(await format.readFrame(packet));
  check(await decoder.sendPacket(packet));
  check(await decoder.sendPacket(null));
  check(await decoder.receiveFrame(frame));
  const firstOfPlanes = (frame.data ?? []).slice(0, 3).map((plane) => plane[0]);
  const { colorSpace: matrix, colorRange: range, colorPrimaries: primaries } = codecpar;
  packet.free();
  frame.free();
  decoder.freeContext();
  await format.closeInput();
  return { matrix, range, primaries, firstOfPlanes };
}

// Writing video: H.264 in MP4, encoded off the main thread by FFmpeg's libraries; the file appears whole or not at all.
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUV420P,
  AV_PKT_DATA_FRAME_CROPPING,
  AVCHROMA_LOC_LEFT,
  AVCOL_PRI_BT709,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_RGB,
  AVCOL_TRC_BT709,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  type AVPixelFormat,
  FF_ENCODER_LIBX264,
} from 'node-av/constants';
import {
  Frame as AvFrame,
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  Packet,
  Rational,
  SoftwareScaleContext,
  type Stream,
} from 'node-av/lib';
import { SteadysegError } from '../base/errors.js';
import { ensureFolder, reasonOf, removeAbandoned, temporaryBeside } from '../base/files.js';
import { linkedPath } from '../base/outputFile.js';
import { colorMatrixFor } from './frameConverter.js';
import { checkImage, type RgbImage } from './image.js';
import type { FrameRate } from './video.js';

/** Size and rate of a video to write. */
export interface VideoWriterOptions {
  /** Size of every frame in pixels. */
  readonly width: number;
  readonly height: number;
  readonly frameRate: FrameRate;
}

/** Takes frames in order. Each promise is awaited before the next call: that is what keeps the memory constant. */
export interface VideoWriter {
  /** The picture may be changed once the promise is fulfilled. */
  write(image: RgbImage): Promise<void>;
  /** Finishes the file and puts it in place. @throws SteadysegError when no frame was written, or the disk is full. */
  close(): Promise<void>;
  /** Drops what was written; the path is as it was before. Does nothing after `close`. */
  abort(): Promise<void>;
}

/** The encoder's limit for a side. */
const MAX_SIDE = 16384;
/** Flat class colours stay visually clean. */
const CONSTANT_RATE_FACTOR = '20';
/** Encoding shares the processor with inference. */
const PRESET = 'superfast';

/**
 * Creates an MP4 that browsers and players show: H.264 in 4:2:0, its index in front, tagged with the matrix used
 * (BT.709 for high definition, BT.601 below). 4:2:0 stores even sides only: an odd side is padded by one repeated line,
 * and the container's clean aperture says so. Readers that honour it (this library, QuickTime, FFmpeg) show the odd
 * size, others one line more.
 * @throws SteadysegError when the folder cannot be written or the size cannot be encoded.
 */
export async function createVideoWriter(path: string, options: VideoWriterOptions): Promise<VideoWriter> {
  const { width, height, frameRate } = options;
  if (width < 2 || height < 2 || width > MAX_SIDE || height > MAX_SIDE) {
    throw new SteadysegError(`cannot write ${path}: expected sides of 2..${MAX_SIDE} pixels, found ${width}×${height}`);
  }
  const target = await linkedPath(path);
  await ensureFolder(dirname(target));
  await removeAbandoned(dirname(target));
  const temporary = temporaryBeside(target);
  const [codedWidth, codedHeight] = [width + (width % 2), height + (height % 2)];
  const timeBase = new Rational(frameRate.denominator, frameRate.numerator);
  const matrix = colorMatrixFor(width, height);

  const format = new FormatContext();
  const encoder = new CodecContext();
  const scaler = new SoftwareScaleContext();
  const packet = new Packet();
  const rgb = allocateFrame(AV_PIX_FMT_RGB24, codedWidth, codedHeight);
  const yuv = allocateFrame(AV_PIX_FMT_YUV420P, codedWidth, codedHeight);
  rgb.colorSpace = AVCOL_SPC_RGB;
  rgb.colorRange = AVCOL_RANGE_JPEG;
  yuv.colorSpace = matrix;
  yuv.colorRange = AVCOL_RANGE_MPEG;
  for (const frame of [rgb, yuv]) {
    frame.colorPrimaries = AVCOL_PRI_BT709;
    frame.colorTrc = AVCOL_TRC_BT709;
  }
  yuv.chromaLocation = AVCHROMA_LOC_LEFT;
  scaler.allocContext();
  scaler.setOption('sws_flags', 'bicubic+accurate_rnd');
  packet.alloc();

  let finished = false;
  let count = 0;
  let stream: Stream;
  try {
    stream = await begin();
  } catch (thrown) {
    await discard();
    throw thrown;
  }
  return { write, close, abort };

  async function begin(): Promise<Stream> {
    // The muxer's name is given, as the temporary file has none that tells.
    check(format.allocOutputContext2(null, 'mp4', `file:${temporary}`));
    const codec = Codec.findEncoderByName(FF_ENCODER_LIBX264);
    if (codec === null) throw new SteadysegError(`cannot write ${path}: this build of FFmpeg has no H.264 encoder`);
    encoder.allocContext3(codec);
    encoder.width = codedWidth;
    encoder.height = codedHeight;
    encoder.pixelFormat = AV_PIX_FMT_YUV420P;
    encoder.timeBase = timeBase;
    encoder.framerate = new Rational(frameRate.numerator, frameRate.denominator);
    encoder.colorSpace = matrix;
    encoder.colorRange = AVCOL_RANGE_MPEG;
    encoder.colorPrimaries = AVCOL_PRI_BT709;
    encoder.colorTrc = AVCOL_TRC_BT709;
    encoder.chromaLocation = AVCHROMA_LOC_LEFT;
    encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    check(await encoder.open2(codec, Dictionary.fromObject({ preset: PRESET, crf: CONSTANT_RATE_FACTOR })));
    const created = format.newStream(codec);
    check(created.codecpar.fromContext(encoder));
    created.timeBase = timeBase;
    created.avgFrameRate = encoder.framerate;
    if (codedWidth !== width || codedHeight !== height) {
      // Top, bottom, left, right.
      const cropping = Buffer.alloc(16);
      cropping.writeUInt32LE(codedHeight - height, 4);
      cropping.writeUInt32LE(codedWidth - width, 12);
      check(created.codecpar.addCodedSideData(AV_PKT_DATA_FRAME_CROPPING, cropping));
    }
    check(await format.openOutput());
    check(await format.writeHeader(Dictionary.fromObject({ movflags: '+faststart' })));
    return created;
  }

  async function write(image: RgbImage): Promise<void> {
    if (finished) throw new SteadysegError(`cannot write ${path}: it is closed`);
    checkImage(image);
    if (image.width !== width || image.height !== height) {
      throw new SteadysegError(
        `cannot write ${path}: expected frames of ${width}×${height} as before, found ${image.width}×${image.height}`,
      );
    }
    check(rgb.fromBuffer(padded(image)));
    // The encoder may still hold the frame before.
    check(yuv.makeWritable());
    check(await scaler.scaleFrame(yuv, rgb));
    yuv.pts = BigInt(count++);
    await encode(yuv);
  }

  async function close(): Promise<void> {
    if (finished) return;
    try {
      if (count === 0) throw new SteadysegError(`cannot write ${path}: expected at least one frame, found none`);
      await encode(null);
      check(await format.writeTrailer());
      // The last bytes are written as the file is closed, which reports no error: flush them and look.
      await format.flush();
      check(format.pb?.error ?? 0);
      await release();
      const file = await open(temporary, 'r+');
      await file.sync().finally(() => file.close());
      await rename(temporary, target);
    } catch (thrown) {
      await discard();
      if (thrown instanceof SteadysegError) throw thrown;
      throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
    }
  }

  async function abort(): Promise<void> {
    if (!finished) await discard();
  }

  /** Gives a frame (or the end) to the encoder, and what comes out to the file. */
  async function encode(frame: AvFrame | null): Promise<void> {
    check(await encoder.sendFrame(frame));
    for (;;) {
      const received = await encoder.receivePacket(packet);
      if (received === AVERROR_EAGAIN || received === AVERROR_EOF) return;
      check(received);
      packet.streamIndex = stream.index;
      packet.duration = 1n;
      packet.rescaleTs(timeBase, stream.timeBase);
      check(await format.interleavedWriteFrame(packet));
      check(format.pb?.error ?? 0);
    }
  }

  /** Repeats the last column and row where a side is odd. */
  function padded(image: RgbImage): Buffer {
    const { data } = image;
    if (codedWidth === width && codedHeight === height) return Buffer.from(data.buffer, data.byteOffset, data.length);
    const out = Buffer.alloc(codedWidth * codedHeight * 3);
    for (let y = 0; y < codedHeight; y++) {
      const row = data.subarray(Math.min(y, height - 1) * width * 3, (Math.min(y, height - 1) + 1) * width * 3);
      out.set(row, y * codedWidth * 3);
      if (codedWidth > width) out.set(row.subarray(row.length - 3), (y * codedWidth + width) * 3);
    }
    return out;
  }

  async function release(): Promise<void> {
    if (finished) return;
    finished = true;
    packet.free();
    rgb.free();
    yuv.free();
    scaler.freeContext();
    encoder.freeContext();
    await format.closeOutput();
    format.freeContext();
  }

  async function discard(): Promise<void> {
    await release();
    await rm(temporary, { force: true });
  }

  function check(code: number): void {
    if (code < 0) throw new SteadysegError(`cannot write ${path}: ${FFmpegError.strerror(code)}`);
  }
}

function allocateFrame(pixelFormat: AVPixelFormat, width: number, height: number): AvFrame {
  const frame = new AvFrame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  frame.format = pixelFormat;
  frame.getBuffer();
  return frame;
}

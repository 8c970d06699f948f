// Where video comes from: files, addresses, cameras and standard input; which formats and protocols FFmpeg may read for each.
import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_LOG_QUIET,
  AVERROR_EINVAL,
  AVERROR_INVALIDDATA,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import { Dictionary, FFmpegError, FormatContext, InputFormat, Log, type Stream } from 'node-av/lib';
import { SteadysegError, UsageError } from '../base/errors.js';

// The library reports by errors; FFmpeg's own lines would appear on stderr in the middle of a progress line.
Log.setLevel(AV_LOG_QUIET);

/** The input that stands for standard input. */
export const standardInput = '-';

/**
 * Demuxers that read frames out of what they are given and nothing else. Others (playlists, concatenation scripts, session
 * descriptions) name further files and addresses to open.
 */
const containers = [
  ...[
    'mov',
    'matroska',
    'avi',
    'mpegts',
    'mpeg',
    'flv',
    'asf',
    'ogg',
    'mxf',
    'nut',
    'ivf',
    'dv',
    'gif',
    'apng',
    'webp_anim',
  ],
  ...['yuv4mpegpipe', 'mjpeg', 'jpeg_pipe', 'h264', 'hevc', 'mpegvideo', 'm4v', 'obu'],
];
/** Some of them, as messages name them; and those that can be read without going back. */
const wellKnown = 'MP4, MOV, Matroska, WebM, AVI, MPEG-TS';
const selfDescribing = 'Matroska, MPEG-TS, MJPEG, Y4M, H.264';
/** Addresses by their scheme: what FFmpeg may open on the way. */
const networkProtocols: Readonly<Record<string, string>> = {
  'http:': 'http,httpproxy,tcp',
  'https:': 'https,http,httpproxy,tls,tcp',
  'rtsp:': 'rtsp,rtp,udp,tcp',
  'rtsps:': 'rtsps,rtsp,rtp,srtp,udp,tcp,tls',
};
/** A camera or server that says nothing for this long is gone, in microseconds. */
const NETWORK_TIMEOUT_MICROSECONDS = 20_000_000;
/** Where Linux keeps cameras. */
const cameraPath = /^\/dev\/video\d+$/;

/** How an input is to be read that does not tell it by its content. */
export interface Reading {
  /** FFmpeg's name of the format. */
  readonly demuxer: string;
  readonly options?: Readonly<Record<string, string>> | undefined;
}

/** What is opened for an input, and what may be opened for it. */
interface Access {
  readonly url: string;
  readonly format: InputFormat | null;
  readonly options: Readonly<Record<string, string>>;
}

/** Whether an input is the address of a stream that FFmpeg fetches itself. */
export function isAddress(input: string): boolean {
  return Object.keys(networkProtocols).some((scheme) => input.toLowerCase().startsWith(`${scheme}//`));
}

/** Whether an input can be read only once, as it comes: standard input, an address, a camera. */
export function isStream(input: string): boolean {
  return input === standardInput || cameraPath.test(input) || isAddress(input);
}

function accessOf(input: string, reading: Reading | undefined): Access {
  const formats = reading ? { ...reading.options } : { format_whitelist: containers.join(',') };
  const format = reading ? InputFormat.findInputFormat(reading.demuxer) : null;
  if (input === standardInput) {
    return { url: 'pipe:0', format, options: { protocol_whitelist: 'pipe', ...formats } };
  }
  if (reading && (cameraPath.test(input) || /^rtsps?:/i.test(input))) {
    throw new UsageError(
      `${input}: expected a file, standard input or a web address of raw video, found another stream`,
    );
  }
  if (cameraPath.test(input)) return { url: input, format: InputFormat.findInputFormat('v4l2'), options: {} };
  if (isAddress(input)) {
    const { protocol: scheme } = new URL(input);
    const limits = { protocol_whitelist: networkProtocols[scheme] };
    if (scheme.startsWith('rtsp')) {
      const rtsp = {
        format_whitelist: `rtsp,rtp,${containers.join(',')}`,
        rtsp_transport: 'tcp',
        timeout: String(NETWORK_TIMEOUT_MICROSECONDS),
      };
      return { url: input, format: InputFormat.findInputFormat('rtsp'), options: { ...limits, ...rtsp } };
    }
    const timeout = { rw_timeout: String(NETWORK_TIMEOUT_MICROSECONDS) };
    return { url: input, format, options: { ...limits, ...formats, ...timeout } };
  }
  return { url: `file:${input}`, format, options: { protocol_whitelist: 'file', ...formats } };
}

/** An open container and the video stream in it that is the main one. */
export interface OpenVideoInput {
  readonly format: FormatContext;
  readonly stream: Stream;
  /** All video streams in it, pictures of a cover left out. */
  readonly tracks: readonly Stream[];
}

/**
 * Opens an input and finds its video stream.
 * @param reading how it is to be read; default: as its content tells. @throws SteadysegError naming the input.
 */
export async function openVideoInput(input: string, reading?: Reading): Promise<OpenVideoInput> {
  const { url, format: known, options } = accessOf(input, reading);
  const name = nameOf(input);
  const format = new FormatContext();
  const opened = await format.openInput(url, known, Dictionary.fromObject({ ...options }));
  if (opened < 0) {
    if (opened !== AVERROR_INVALIDDATA && opened !== AVERROR_EINVAL && isStream(input) && input !== standardInput) {
      throw new SteadysegError(`cannot open ${name}: ${reason(opened)}`);
    }
    const formats = input === standardInput ? selfDescribing : wellKnown;
    const way = isStream(input) && !reading ? '; raw video: --raw' : '';
    throw new SteadysegError(
      `${name}: expected a video of a known format (${formats}, …), found: ${reason(opened)}${way}`,
    );
  }
  const found = await format.findStreamInfo();
  const index = format.findBestStream(AVMEDIA_TYPE_VIDEO);
  const tracks = format.streams.filter(
    ({ codecpar, disposition }) =>
      codecpar.codecType === AVMEDIA_TYPE_VIDEO && (disposition & AV_DISPOSITION_ATTACHED_PIC) === 0,
  );
  if (found < 0 || index < 0 || tracks.length === 0) {
    await format.closeInput();
    const what = found < 0 ? reason(found) : index < 0 ? 'none' : 'only the picture of a cover';
    throw new SteadysegError(`${name}: expected a video stream, found ${what}`);
  }
  const best = format.streams[index];
  return { format, stream: tracks.find((track) => track.index === best.index) ?? tracks[0], tracks };
}

/** What messages call an input. */
export function nameOf(input: string): string {
  return input === standardInput ? 'standard input' : input;
}

/** FFmpeg's words for one of its error codes. */
export function reason(code: number): string {
  return FFmpegError.strerror(code);
}

// Where video comes from: files, addresses, cameras and standard input; which formats and protocols FFmpeg may read for each.
import { AV_LOG_QUIET, AVERROR_EINVAL, AVERROR_INVALIDDATA, AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import { Dictionary, FFmpegError, FormatContext, InputFormat, Log, type Stream } from 'node-av/lib';
import { SteadysegError } from '../base/errors.js';

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

function accessOf(input: string, demuxer: string | undefined): Access {
  const formats = { format_whitelist: containers.join(',') };
  if (input === standardInput) {
    return { url: 'pipe:0', format: null, options: { protocol_whitelist: 'pipe', ...formats } };
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
    return { url: input, format: null, options: { ...limits, ...formats, ...timeout } };
  }
  const options = { protocol_whitelist: 'file', ...(demuxer === undefined ? formats : {}) };
  return { url: `file:${input}`, format: demuxer === undefined ? null : InputFormat.findInputFormat(demuxer), options };
}

/** An open container and the video stream in it that is the main one. */
export interface OpenVideoInput {
  readonly format: FormatContext;
  readonly stream: Stream;
}

/**
 * Opens an input and finds its video stream.
 * @param demuxer what a file is to be read as; default: what its content tells. @throws SteadysegError naming the input.
 */
export async function openVideoInput(input: string, demuxer?: string): Promise<OpenVideoInput> {
  const { url, format: known, options } = accessOf(input, demuxer);
  const name = nameOf(input);
  const format = new FormatContext();
  const opened = await format.openInput(url, known, Dictionary.fromObject({ ...options }));
  if (opened < 0) {
    if (opened !== AVERROR_INVALIDDATA && opened !== AVERROR_EINVAL && isStream(input) && input !== standardInput) {
      throw new SteadysegError(`cannot open ${name}: ${reason(opened)}`);
    }
    const formats = input === standardInput ? selfDescribing : wellKnown;
    throw new SteadysegError(`${name}: expected a video of a known format (${formats}, …), found: ${reason(opened)}`);
  }
  const found = await format.findStreamInfo();
  const index = format.findBestStream(AVMEDIA_TYPE_VIDEO);
  if (found < 0 || index < 0) {
    await format.closeInput();
    throw new SteadysegError(`${name}: expected a video stream, found ${found < 0 ? reason(found) : 'none'}`);
  }
  return { format, stream: format.streams[index] };
}

/** What messages call an input. */
export function nameOf(input: string): string {
  return input === standardInput ? 'standard input' : input;
}

/** FFmpeg's words for one of its error codes. */
export function reason(code: number): string {
  return FFmpegError.strerror(code);
}

// Frames from any input: a video, one picture, a folder, a glob or a list file, behind one interface.
import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { isSystemError, messageOf, SteadysegError, UsageError } from '../base/errors.js';
import { createFileDigest, exists, reasonOf, sha256OfFile } from '../base/files.js';
import { digestOf } from '../base/written.js';
import { type Clip, orderIntoClips } from './clips.js';
import { expandGlob, isGlob } from './glob.js';
import type { RgbImage } from './image.js';
import { isListPath, listExtensions, pathInList, readList } from './listFile.js';
import { isAnimation, isPicturePath, pictureExtensions, readPicture } from './pictures.js';
import { type FrameRate, type OnBadFrame, openVideo, type VideoOptions, videoStem } from './video.js';
import { isStream } from './videoInput.js';

export type { Clip } from './clips.js';
export type { FrameRate, OnBadFrame } from './video.js';

/** One frame. `index` counts from 0 over the whole source, whatever was left out; `stem` names its output files. */
export interface Frame {
  readonly index: number;
  readonly stem: string;
  readonly image: RgbImage;
  /** SHA-256 of the file it is from, where that was asked for. */
  readonly digest?: string | undefined;
}

/** How an input is opened. */
export interface FramesOptions {
  /** Index of the first frame to give out (default 0). */
  readonly from?: number | undefined;
  /** Called before a frame is read (converted, for a video); false leaves it out. */
  readonly wanted?: ((index: number, stem: string) => boolean) | undefined;
  /** Whether frames come with the digest of their file, as it was before they were read. Default false. */
  readonly digests?: boolean | undefined;
  /** Called for a frame that cannot be read: `skip` goes on with the next, `throw` (the default) ends the iteration with the error. */
  readonly onBad?: OnBadFrame | undefined;
}

/** An input, opened: what is known of its frames, and the frames themselves. */
export interface FrameSource {
  readonly kind: 'video' | 'images';
  /** Whether it comes once, as it is sent: a camera, an address, standard input. */
  readonly isStream: boolean;
  /** The input as it was named. */
  readonly input: string;
  /** For messages: the input and what was found in it. */
  readonly description: string;
  /** Number of frames: exact for images, the best estimate for a video. */
  readonly count?: number;
  /** Video only. */
  readonly frameRate?: FrameRate;
  /** Video only: pictures of one input may differ in size. */
  readonly width?: number;
  readonly height?: number;
  /** Images only: all stems, in order, distinct. */
  readonly stems?: readonly string[];
  /** Images only: the file of each frame. */
  readonly paths?: readonly string[];
  readonly clips: readonly Clip[];
  /**
   * SHA-256 of the file that frame `index` is read from. Of one that did not change since it was asked before, it is known.
   * @throws SteadysegError when it cannot be read.
   */
  fingerprint(index: number): Promise<string>;
  /** The frames in order; each call starts anew. Memory is constant: one frame at a time. */
  frames(options?: FramesOptions): AsyncGenerator<Frame, void, void>;
}

/** Frames of a source, at most as many as asked; counted where nothing says how many there are, which takes its decoding. */
export async function frameCount(source: FrameSource, most = Number.POSITIVE_INFINITY): Promise<number> {
  if (source.count !== undefined) return Math.min(source.count, most);
  let seen = 0;
  const wanted = (index: number) => {
    seen = index + 1;
    return seen >= most;
  };
  for await (const _ of source.frames({ wanted })) break;
  return seen;
}

/** File name extensions that count as videos; what is in them is told by their content. */
export const videoExtensions: readonly string[] = [
  ...['.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi', '.ts', '.mts', '.m2ts', '.mpg', '.mpeg', '.vob', '.m2v', '.3gp'],
  ...['.3g2', '.flv', '.f4v', '.wmv', '.asf', '.ogv', '.ogg', '.gif', '.mxf', '.dv', '.ivf', '.nut', '.y4m', '.mjpeg'],
  ...['.mjpg', '.h264', '.264', '.h265', '.265', '.hevc', '.obu'],
];

/**
 * Opens INPUT: a video, a picture, a folder of pictures in natural order, a glob (`*`, `?`, `**`, `[…]`, `{…}`), a list
 * file (.txt, .lst: a path in the first column of each line, relative to the list file), or a stream: an address (http,
 * https, rtsp), a camera (/dev/video0), or `-` for standard input.
 * @throws SteadysegError for what is missing, empty, cut off or of another kind, and for two pictures of one stem.
 */
export async function openFrames(input: string, options: VideoOptions = {}): Promise<FrameSource> {
  if (isStream(input)) return await video(input, options);
  const kind = await kindOf(input);
  if (options.raw) {
    if (kind === 'file') return await video(input, options);
    const found = kind === 'folder' ? 'a folder' : 'no such file';
    throw new UsageError(`${input}: expected a file of raw video, found ${found}`);
  }
  if (kind === 'folder') return pictureFrames(input, await picturesIn(input, options.onNote));
  const extension = extname(input).toLowerCase();
  if (kind === 'file') {
    if (videoExtensions.includes(extension)) return await video(input, options);
    if (isListPath(input)) return pictureFrames(input, await picturesListed(input));
    if (isPicturePath(input)) {
      return (await isAnimation(input)) ? await video(input, options) : pictureFrames(input, [input]);
    }
    throw new SteadysegError(
      `${input}: expected a video (.mp4 .mov .mkv .webm .avi .ts …), a picture (${pictureExtensions.join(' ')}), a folder or a list (${listExtensions.join(' ')}), found "${extension}"`,
    );
  }
  if (isGlob(input)) {
    const paths = (await expandGlob(input)).filter(isPicturePath).sort(naturalOrder);
    if (paths.length === 0) throw new SteadysegError(`${input}: expected pictures that match, found none`);
    return pictureFrames(input, paths);
  }
  throw new SteadysegError(`cannot read ${input}: no such file or directory`);
}

async function kindOf(input: string): Promise<'file' | 'folder' | 'absent'> {
  try {
    return (await stat(input)).isDirectory() ? 'folder' : 'file';
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return 'absent';
    throw new SteadysegError(`cannot read ${input}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

async function video(path: string, options: VideoOptions): Promise<FrameSource> {
  const opened = await openVideo(path, options);
  const { width, height, frameRate, frameCount, frames } = opened;
  const rate = frameRate.numerator / frameRate.denominator;
  // What comes as it is sent never comes again.
  const sent = digestOf(randomUUID());
  const digest = opened.isStream ? async () => sent : createFileDigest(path);
  return {
    kind: 'video',
    isStream: opened.isStream,
    fingerprint: digest,
    input: path,
    description: `${path}: video, ${width}×${height}, ${Number(rate.toFixed(3))} frames/s`,
    ...(frameCount === undefined ? {} : { count: frameCount }),
    frameRate,
    width,
    height,
    clips: [{ name: path, first: 0, count: frameCount }],
    async *frames({ from, wanted, onBad, digests } = {}) {
      const known = digests ? await digest() : undefined;
      const wantedIndex = wanted && ((index: number) => wanted(index, videoStem(index)));
      for await (const { index, image } of frames({ from, wanted: wantedIndex, onBad })) {
        yield { index, stem: videoStem(index), image, digest: known };
      }
    },
  };
}

/** @throws SteadysegError when a video is no longer the one that its frames are recorded to be from. */
export async function checkUnchanged(source: FrameSource, digest: string): Promise<void> {
  if ((await source.fingerprint(0)) === digest) return;
  throw new SteadysegError(
    `${source.input}: expected the video to stay as it is, found that it changed meanwhile: run again`,
  );
}

/**
 * Pictures as a source; `input` names them in messages. They come in the order given, but those of a clip one after
 * another: views that lie side by side in a folder are parted.
 * @param givenStems names of their results, one each (default: the file names, after the folders in which they differ where
 * names repeat: `video1/0001`). @throws SteadysegError when two are the same.
 */
export function pictureFrames(
  input: string,
  given: readonly string[],
  givenStems: readonly string[] = stemsOf(given),
): FrameSource {
  const { order, clips } = orderIntoClips(given);
  const paths = order.map((at) => given[at]);
  const stems = order.map((at) => givenStems[at]);
  const seen = new Map<string, string>();
  for (const [index, stem] of stems.entries()) {
    const other = seen.get(stem);
    if (other !== undefined) {
      throw new SteadysegError(
        `${input}: expected file names that differ before the extension, found ${other} and ${paths[index]}: their results would have the same name`,
      );
    }
    seen.set(stem, paths[index]);
  }
  return {
    kind: 'images',
    isStream: false,
    input,
    description: `${input}: ${paths.length} ${paths.length === 1 ? 'picture' : 'pictures'}`,
    count: paths.length,
    stems,
    paths,
    clips,
    fingerprint: (index) => sha256OfFile(paths[index]),
    async *frames({ from = 0, wanted = () => true, onBad = () => 'throw', digests = false } = {}) {
      for (let index = from; index < paths.length; index++) {
        const stem = stems[index];
        if (!wanted(index, stem)) continue;
        let image: RgbImage;
        let digest: string | undefined;
        try {
          if (digests) digest = await sha256OfFile(paths[index]);
          image = await readPicture(paths[index]);
        } catch (thrown) {
          const error = thrown instanceof SteadysegError ? thrown : new SteadysegError(messageOf(thrown));
          if (onBad(stem, error) === 'throw') throw error;
          continue;
        }
        yield { index, stem, image, digest };
      }
    },
  };
}

/** The file names of pictures, distinct as far as their folders make them so. */
function stemsOf(paths: readonly string[]): string[] {
  const stems = paths.map((path) => basename(path, extname(path)));
  if (new Set(stems).size === stems.length) return stems;
  const folders = paths.map((path) => dirname(resolve(path)).split(/[/\\]/));
  // Where all have the same name, whether counted from the root or from the file, a folder tells nothing apart.
  const depth = Math.max(...folders.map((parts) => parts.length));
  const told = folders.map((parts) => [...parts]);
  const same = (at: number) => told.every((parts) => parts.at(at) === told[0].at(at));
  while (told.every((parts) => parts.length > 0) && same(-1)) for (const parts of told) parts.pop();
  while (told.every((parts) => parts.length > 0) && same(0)) for (const parts of told) parts.shift();
  for (let level = depth; level > 0; level--) {
    if (told.every((parts) => parts.length > level) && same(level)) for (const parts of told) parts.splice(level, 1);
  }
  return stems.map((stem, at) => [...told[at], stem].join('/'));
}

/** The pictures of a folder in natural order: `frame2` before `frame10`. Hidden files are no frames. */
async function picturesIn(folder: string, note: VideoOptions['onNote']): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.') && isPicturePath(entry.name))
    .map((entry) => entry.name);
  const videos = entries
    .map(({ name }) => name)
    .filter((name) => videoExtensions.includes(extname(name).toLowerCase()));
  const [video] = videos.sort(naturalOrder);
  if (names.length > 0) {
    if (video !== undefined) {
      const others = videos.length === 1 ? '' : ` and ${videos.length - 1} more`;
      note?.(`${folder}: its pictures are read, not the video ${video}${others}: videos are inputs of their own`);
    }
    return names.sort(naturalOrder).map((name) => join(folder, name));
  }
  const subfolder = entries.find((entry) => entry.isDirectory());
  const inVideo = video === undefined ? '' : `; a video is given by itself: "${join(folder, video)}"`;
  const hint = subfolder === undefined ? inVideo : `; pictures in its subfolders: "${join(folder, '**', '*.png')}"`;
  throw new SteadysegError(
    `${folder}: expected a folder with pictures (${pictureExtensions.join(' ')}), found ${entries.length} other ${entries.length === 1 ? 'entry' : 'entries'}${hint}`,
  );
}

/** The first column of each line. */
async function picturesListed(list: string): Promise<string[]> {
  const paths: string[] = [];
  for (const { columns, line } of await readList(list)) {
    const path = pathInList(list, columns[0]);
    if (!(await exists(path))) {
      throw new SteadysegError(
        `${list}, line ${line}: expected the path of a picture, found "${columns[0]}", which is no file`,
      );
    }
    paths.push(path);
  }
  return paths;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Orders names as people do, numbers by value; equal to no other name, so the order never depends on the file system. */
export function naturalOrder(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

// A video file as frames: every one, in order, by seeking; a player would leave some out where the networks are slower.
import { fitting, frameStem, pixelsOf, type Source } from './source.js';

/** No frame is shorter. */
const shortestFrame = 1 / 240;

/** @throws Error in words for a file that this browser has no decoder for. */
export async function videoSource(file: File): Promise<Source> {
  const video = document.createElement('video');
  const address = URL.createObjectURL(file);
  const close = () => {
    // The element keeps the file, too, until it is told to load nothing.
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(address);
  };
  try {
    Object.assign(video, { muted: true, playsInline: true, preload: 'auto', src: address });
    await event(video, 'loadeddata', undecodable(file));
    if (video.videoWidth === 0) throw new Error(undecodable(file));
  } catch (thrown) {
    close();
    throw thrown;
  }
  let interval: number | undefined;
  return {
    name: file.name,
    live: false,
    clip: true,
    rate: () => interval && 1 / interval,
    count: () => interval && Math.round(video.duration / interval),
    async *frames(longerSide) {
      const size = fitting({ width: video.videoWidth, height: video.videoHeight }, longerSide);
      let at: number | undefined = await shownAt(video, 0, file);
      for (let index = 0; at !== undefined; index++) {
        yield { image: pixelsOf(video, size), stem: frameStem(index) };
        const next: number | undefined = await nextFrame(video, at, interval, file);
        if (next !== undefined) interval ??= next - at;
        at = next;
      }
    },
    close,
  };
}

function undecodable(file: File): string {
  return `${file.name}: this browser cannot decode its pictures (${file.type || 'of an unknown type'}). Chromium, Firefox and Safari play H.264 in MP4: ffmpeg -i ${file.name} -pix_fmt yuv420p video.mp4`;
}

/**
 * Shows the frame after the one that begins at `at`: the middle of where it should be is sought, and where that is further on
 * than one frame, what lies between.
 * @returns where it begins; undefined after the last.
 */
async function nextFrame(
  video: HTMLVideoElement,
  at: number,
  interval: number | undefined,
  file: File,
): Promise<number | undefined> {
  let step = interval ? 1.5 * interval : shortestFrame;
  let before = at;
  let shown = at;
  while (shown <= at) {
    shown = await shownAt(video, at + step, file);
    if (shown <= at) {
      before = at + step;
      if (before > video.duration) return undefined;
      step *= 2;
    }
  }
  let next = shown;
  while (next - before > 1.1 * (interval ?? 0) && next - before > shortestFrame) {
    const middle: number = (before + next) / 2;
    shown = await shownAt(video, middle, file);
    if (shown > at) next = Math.min(next, shown);
    else before = middle;
  }
  return shown === next ? next : shownAt(video, next + shortestFrame / 2, file);
}

/** Seeks a time; gives that of the frame which is then shown, in seconds. */
async function shownAt(video: HTMLVideoElement, time: number, file: File): Promise<number> {
  const damaged = `${file.name}: this browser cannot decode it from ${time.toFixed(2)} s on: the file is damaged, or cut off`;
  const sought = event(video, 'seeked', damaged);
  video.currentTime = time;
  await sought;
  // A frame knows its time exactly; where there is no such object, the element's time is near it.
  if (!('VideoFrame' in globalThis)) return video.currentTime;
  const frame = new VideoFrame(video);
  try {
    return frame.timestamp / 1e6;
  } finally {
    frame.close();
  }
}

/** Waits for an event of the video. @throws Error of these words when an error comes first. */
function event(video: HTMLVideoElement, name: string, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const listeners = new AbortController();
    const { signal } = listeners;
    const settle = (then: () => void) => () => {
      listeners.abort();
      then();
    };
    video.addEventListener(name, settle(resolve), { signal });
    video.addEventListener(
      'error',
      settle(() => reject(new Error(words))),
      { signal },
    );
  });
}

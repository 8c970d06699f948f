// A video file as frames: every one, in order, decoded one after another; a player would leave some out where the networks are slower.
import { ALL_FORMATS, BlobSource, CanvasSink, EncodedPacketSink, Input, type InputVideoTrack } from 'mediabunny';
import { fitting, frameStem, pixelsOf, type Source } from './source.js';

/** @throws Error in words for a file that this browser has no decoder for. */
export async function videoSource(file: File): Promise<Source> {
  const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
  try {
    const track = await input.getPrimaryVideoTrack().catch(() => null);
    if (!track || !(await track.canDecode())) throw new Error(undecodable(file));
    const stored = { width: await track.getDisplayWidth(), height: await track.getDisplayHeight() };
    const times = await shownTimes(track);
    const [count, seconds] = [times.length, times[times.length - 1] - times[0]];
    if (count === 0) throw new Error(undecodable(file));
    return {
      name: file.name,
      live: false,
      clip: true,
      rate: () => (seconds > 0 ? (count - 1) / seconds : undefined),
      count: () => count,
      async *frames(longerSide) {
        const size = fitting(stored, longerSide);
        let index = 0;
        try {
          for await (const { canvas, timestamp } of new CanvasSink(track, { poolSize: 1 }).canvases()) {
            if (timestamp >= 0) yield { image: pixelsOf(canvas, size), stem: frameStem(index++) };
          }
        } catch (thrown) {
          throw new Error(damaged(file, index, count), { cause: thrown });
        }
        if (index < count) throw new Error(damaged(file, index, count));
      },
      close: () => input.dispose(),
    };
  } catch (thrown) {
    input.dispose();
    throw thrown;
  }
}

/**
 * When the frames are shown that a player shows: what is cut off before the beginning (as copies of a part of a video have it) has a
 * time below 0, and packets that hold no frame of their own share that of another.
 */
async function shownTimes(track: InputVideoTrack): Promise<number[]> {
  const times = new Set<number>();
  for await (const { timestamp } of new EncodedPacketSink(track).packets(undefined, undefined, {
    metadataOnly: true,
  })) {
    if (timestamp >= 0) times.add(timestamp);
  }
  return [...times].sort((a, b) => a - b);
}

function undecodable(file: File): string {
  return `${file.name}: this browser cannot decode its pictures (${file.type || 'of an unknown type'}). Chromium, Firefox and Safari play H.264 in MP4: ffmpeg -i ${file.name} -pix_fmt yuv420p video.mp4`;
}

function damaged(file: File, index: number, count: number): string {
  return `${file.name}: this browser can decode ${index} of its ${count} frames: the file is damaged, or cut off`;
}

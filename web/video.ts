// A video file as frames: every one, in order, decoded one after another; a player would leave some out where the networks are slower.
import {
  ALL_FORMATS,
  BlobSource,
  EncodedPacketSink,
  Input,
  type InputVideoTrack,
  type VideoSample,
  VideoSampleSink,
} from 'mediabunny';
import { canvasOfImage, type RgbImage, type Size } from '../src/web.js';
import { rgbOf } from './planes.js';
import { fitting, frameStem, pixelsOf, type Source } from './source.js';

/** @throws Error in words for a file that this browser has no decoder for. */
export async function videoSource(file: File): Promise<Source> {
  const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
  try {
    if (!(await input.canRead()) && !file.type.startsWith('video/')) throw new Error(noVideo(file));
    const track = await input.getPrimaryVideoTrack().catch(() => null);
    if (!track || !(await track.canDecode())) throw new Error(undecodable(file));
    const stored = { width: await track.getDisplayWidth(), height: await track.getDisplayHeight() };
    const colors = await track.getColorSpace();
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
          for await (const sample of new VideoSampleSink(track).samples()) {
            const image = sample.timestamp < 0 ? undefined : await imageOf(sample, size, colors);
            sample.close();
            if (image) yield { image, stem: frameStem(index++) };
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

/** A decoded frame at a size: the command line's pixels, where they can be had, else as the browser draws it. */
async function imageOf(sample: VideoSample, size: Size, stated: VideoColorSpaceInit): Promise<RgbImage> {
  const image = await rgbOf(sample, stated);
  if (image?.width === size.width && image.height === size.height) return image;
  const { width, height } = image ?? { width: sample.displayWidth, height: sample.displayHeight };
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no canvas to draw on');
  if (image) context.putImageData(new ImageData(canvasOfImage(image).data, width), 0, 0);
  else sample.draw(context, 0, 0, width, height);
  return pixelsOf(canvas, size);
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

function noVideo({ name, type }: File): string {
  return `${name}: expected a picture, a video or a network (.onnx), found ${type || 'a file of an unknown type'}`;
}

function undecodable(file: File): string {
  return `${file.name}: this browser cannot decode its pictures (${file.type || 'of an unknown type'}). Chromium, Firefox and Safari play H.264 in MP4: ffmpeg -i ${file.name} -pix_fmt yuv420p video.mp4`;
}

function damaged(file: File, index: number, count: number): string {
  return `${file.name}: this browser can decode ${index} of its ${count} frames: the file is damaged, or cut off`;
}

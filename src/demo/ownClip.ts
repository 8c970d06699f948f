// The demo's own clip: a street of the toy city with exact labels and exact flow, fixed before any network was trained.
import { join } from 'node:path';
import { ensureFolder } from '../base/files.js';
import type { OnProgress } from '../base/progress.js';
import type { FlowSource } from '../flow/source.js';
import { writeLabelMap } from '../media/labels.js';
import { createVideoWriter } from '../media/videoWriter.js';
import { frameRate } from '../toycity/camera.js';
import { type ClipOptions, createClipRenderer } from '../toycity/render.js';

/** `toycity` derives the seeds of its clips, so no training set holds this one; nobody chose it for what comes out. */
export const ownClip: ClipOptions = { seed: 70_101, frames: 40, height: 256, width: 512 };

/** A rendered clip with what is known of it. */
export interface RenderedClip {
  /** The video. */
  readonly video: string;
  /** Folder of the exact labels. */
  readonly labels: string;
  /** The exact flow; frames go by their numbers. */
  readonly flow: FlowSource;
}

/** Renders a clip into `clip.mp4`, as a camera would give it, and `labels/` of a folder. */
export async function renderClip(clip: ClipOptions, folder: string, onProgress: OnProgress): Promise<RenderedClip> {
  const { width, height, frames } = clip;
  const [video, labels] = [join(folder, 'clip.mp4'), join(folder, 'labels')];
  await ensureFolder(labels);
  const renderer = createClipRenderer(clip);
  const writer = await createVideoWriter(video, { width, height, frameRate: { numerator: frameRate, denominator: 1 } });
  try {
    for (let t = 0; t < frames; t++) {
      const frame = renderer.frame(t);
      await writer.write(frame.image);
      await writeLabelMap(join(labels, `${String(t).padStart(6, '0')}.png`), frame.labels);
      onProgress({ done: t + 1, total: frames });
    }
    await writer.close();
  } catch (thrown) {
    await writer.abort();
    throw thrown;
  }
  const flow: FlowSource = {
    name: `exact flow of the toy city, seed ${clip.seed}`,
    concurrency: 1,
    async flow({ first, second }, direction) {
      const [t, next] = [Number(first.stem), Number(second.stem)];
      return (direction === 'forward' ? renderer.motion(t, next) : renderer.motion(next, t)).flow;
    },
    check: async () => {},
    close: async () => {},
  };
  return { video, labels, flow };
}

// Turns references into pixels: reads files or renders, and keeps what was decoded for the next epoch while there is room.
import { SteadysegError } from '../base/errors.js';
import { readFlo } from '../media/flo.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { readLabelMap } from '../media/labels.js';
import { readPicture } from '../media/pictures.js';
import { type ClipOptions, type ClipRenderer, createClipRenderer } from '../toycity/render.js';
import { chainFlow } from './chainFlow.js';
import type { FlowReference, FrameReference, LabelReference } from './dataset.js';
import { readLabels } from './labelFiles.js';
import { flowOf, imageOf, labelsOf } from './moduleSource.js';
import type { KnownFlow } from './resample.js';

/** Decoded pixels in memory that all threads see. */
export interface Stored {
  readonly width: number;
  readonly height: number;
  /** RGB bytes, train ids, or flow pairs followed by the mask of what is hidden. */
  readonly buffer: SharedArrayBuffer;
}

/** What has been decoded, by key. Threads have stores of their own that hold the same shared buffers. */
export interface Store {
  get(key: string): Stored | undefined;
  /** Offers what was just decoded; the store may keep it or not. */
  put(key: string, stored: Stored): void;
}

/** Decodes references. */
export interface Decoder {
  image(reference: FrameReference): Promise<RgbImage>;
  labels(reference: LabelReference): Promise<LabelMap>;
  flow(reference: FlowReference): Promise<KnownFlow>;
}

/** Toy city clips whose scenes are kept; each takes some tens of megabytes. */
const MAX_RENDERERS = 4;
/** Rendered colours and labels that are at hand even where the store keeps nothing. */
const MAX_RECENT = 16;

/** The key under which a reference's pixels are stored. */
function keyOf(what: 'image' | 'labels' | 'flow', reference: FrameReference | LabelReference | FlowReference): string {
  if (reference.kind === 'file') {
    // One file may be read as labels of several meanings.
    const meaning =
      'ids' in reference ? ` ${reference.ids} ${reference.classes.name} ${reference.classes.ignoreLabel}` : '';
    return `${what}${meaning} ${reference.path}`;
  }
  if (reference.kind === 'files') return `${what} ${reference.paths.join(' ')}`;
  if (reference.kind === 'module') return `${what} module ${reference.url} ${reference.key}`;
  const { seed, frames, height, width, motionBlur = 0 } = reference.clip;
  const place = 'frame' in reference ? reference.frame : `${reference.from}-${reference.to}`;
  return `${what} toycity ${seed} ${frames} ${height}x${width} ${motionBlur} ${place}`;
}

export function createDecoder(store: Store): Decoder {
  const renderers = new Map<string, ClipRenderer>();
  const rendererOf = (clip: ClipOptions): ClipRenderer => {
    const key = JSON.stringify([clip.seed, clip.frames, clip.height, clip.width, clip.motionBlur ?? 0]);
    const known = renderers.get(key) ?? createClipRenderer(clip);
    renderers.delete(key);
    renderers.set(key, known);
    for (const oldest of renderers.keys()) {
      if (renderers.size <= MAX_RENDERERS) break;
      renderers.delete(oldest);
    }
    return known;
  };
  const keep = (key: string, width: number, height: number, parts: readonly (Uint8Array | Float32Array)[]): Stored => {
    const buffer = new SharedArrayBuffer(parts.reduce((sum, part) => sum + part.byteLength, 0));
    let at = 0;
    for (const part of parts) {
      new Uint8Array(buffer, at).set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      at += part.byteLength;
    }
    const stored = { width, height, buffer };
    store.put(key, stored);
    return stored;
  };
  /** A rendered frame gives colours and labels at once; both are asked for, one after the other. */
  const recent = new Map<string, Stored>();
  const rendered = (key: string, clip: ClipOptions, t: number): Stored | undefined => {
    if (!recent.has(key)) {
      const { image, labels } = rendererOf(clip).frame(t);
      const reference = { kind: 'toycity', clip, frame: t } as const;
      for (const [what, { width, height, data }] of [
        ['image', image],
        ['labels', labels],
      ] as const) {
        recent.set(keyOf(what, reference), keep(keyOf(what, reference), width, height, [data]));
      }
    }
    const found = recent.get(key);
    for (const oldest of recent.keys()) {
      if (recent.size <= MAX_RECENT) break;
      recent.delete(oldest);
    }
    return found;
  };
  return {
    async image(reference) {
      const key = keyOf('image', reference);
      let stored = store.get(key);
      if (!stored && reference.kind === 'toycity') stored = rendered(key, reference.clip, reference.frame);
      if (!stored && reference.kind === 'file') {
        const { width, height, data } = await readPicture(reference.path);
        stored = keep(key, width, height, [data]);
      }
      if (!stored && reference.kind === 'module') {
        const { width, height, data } = await imageOf(reference);
        stored = keep(key, width, height, [data]);
      }
      return bytesOf(stored);
    },
    async labels(reference) {
      const key = keyOf('labels', reference);
      let stored = store.get(key);
      if (!stored && reference.kind === 'toycity') stored = rendered(key, reference.clip, reference.frame);
      if (!stored && reference.kind === 'file') {
        const { width, height, data } = await readLabels(reference.path, reference.classes, reference.ids);
        stored = keep(key, width, height, [data]);
      }
      if (!stored && reference.kind === 'module') {
        const { width, height, data } = await labelsOf(reference);
        stored = keep(key, width, height, [data]);
      }
      return bytesOf(stored);
    },
    async flow(reference) {
      // Reading flow costs little beside decoding pictures, and flow is large: the room is left to them.
      if (reference.kind === 'files') return await readChain(reference.paths, reference.hidden);
      if (reference.kind === 'module') return { flow: await flowOf(reference) };
      const key = keyOf('flow', reference);
      let stored = store.get(key);
      if (!stored) {
        const { flow, hidden } = rendererOf(reference.clip).motion(reference.from, reference.to);
        stored = keep(key, flow.width, flow.height, [flow.data, hidden.data]);
      }
      const { width, height, buffer } = stored;
      const pixels = width * height;
      return {
        flow: { width, height, data: new Float32Array(buffer, 0, 2 * pixels) },
        hidden: { width, height, data: new Uint8Array(buffer, 8 * pixels, pixels) },
      };
    },
  };
}

function bytesOf(stored: Stored | undefined): RgbImage & LabelMap {
  if (!stored) throw new SteadysegError('expected a reference to a file or a rendered frame');
  return { width: stored.width, height: stored.height, data: new Uint8Array(stored.buffer) };
}

async function readChain(paths: readonly string[], hidden: readonly string[]): Promise<KnownFlow> {
  const flows = await Promise.all(paths.map(readFlo));
  const masks = await Promise.all(hidden.map(readLabelMap));
  for (const [k, { width, height }] of [...flows, ...masks].entries()) {
    if (width !== flows[0].width || height !== flows[0].height) {
      throw new SteadysegError(
        `${[...paths, ...hidden][k]}: expected the size ${flows[0].width}×${flows[0].height} of ${paths[0]}, found ${width}×${height}`,
      );
    }
  }
  return chainFlow(flows, masks);
}

// What a training set is: samples of a frame, its label, and the frames and flow around it, by reference.
import type { ClassSet } from '../media/classes.js';
import type { ClipOptions } from '../toycity/render.js';
import type { LabelIds } from './labelFiles.js';

/** What a module of the caller's gives for a key: worker threads import it (moduleSource.ts). */
export interface ModuleReference {
  readonly kind: 'module';
  /** Such as `new URL('./frames.js', import.meta.url).href`. */
  readonly url: string;
  /** Tells the module what is asked for. */
  readonly key: string;
}

/** Where a frame's colours come from. References are plain data, so that workers can be told them. */
export type FrameReference =
  | ModuleReference
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'toycity'; readonly clip: ClipOptions; readonly frame: number };

/** Where a frame's labels come from. Ids that are no class of `classes` become 255. */
export type LabelReference =
  | ModuleReference
  | { readonly kind: 'file'; readonly path: string; readonly classes: ClassSet; readonly ids: LabelIds }
  | { readonly kind: 'toycity'; readonly clip: ClipOptions; readonly frame: number };

/**
 * Where the flow between two frames comes from. `files`: `.flo` files in the order in which the flow goes from frame to
 * frame, chained when there are several; `hidden` the occlusion masks (255 hidden) of the same steps, where there are any.
 */
export type FlowReference =
  | ModuleReference
  | { readonly kind: 'files'; readonly paths: readonly string[]; readonly hidden: readonly string[] }
  | { readonly kind: 'toycity'; readonly clip: ClipOptions; readonly from: number; readonly to: number };

/** A frame t of a clip, labelled or not. */
export interface Sample {
  /** For messages. */
  readonly name: string;
  readonly frame: FrameReference;
  readonly label?: LabelReference | undefined;
  /** Frame t + offset of the same clip, when there is one. */
  neighbour(offset: number): FrameReference | undefined;
  /** Flow from t to t + offset, when the dataset knows where it would be; files are looked for when they are read. */
  flow(offset: number): FlowReference | undefined;
}

/** A training set; samples are made when they are asked for. */
export interface Dataset {
  readonly name: string;
  readonly classes: ClassSet;
  readonly count: number;
  /** Sample `index`, 0..count-1; the same index is always the same sample. */
  sample(index: number): Sample;
}

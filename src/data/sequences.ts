// Samples out of folders of frames and label maps: partners by name, neighbours by the clips of media/clips.
import { join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { flowPath } from '../flow/path.js';
import type { ClassSet } from '../media/classes.js';
import { orderIntoClips } from '../media/clips.js';
import type { Dataset, FlowReference, FrameReference, LabelReference, Sample } from './dataset.js';
import type { LabelIds } from './labelFiles.js';
import type { ListedFile } from './layouts.js';
import { indexByName, missingPartners, pairingNames } from './pairing.js';

/** Where flow between neighbouring frames lies: a flow folder (DESIGN) for each folder of frames, and masks of what is hidden alike. */
export interface FlowFolders {
  /** The flow folder of the frames of `folder` (a city, a video, or nothing). */
  flow(folder: string): string;
  hidden?(folder: string): string;
}

export interface SequenceOptions {
  readonly name: string;
  readonly classes: ClassSet;
  readonly ids: LabelIds;
  /** Frames; where two sets have the same frame, the first counts. */
  readonly frames: readonly (readonly ListedFile[])[];
  /** Labels of some frames or all; without any, every frame is a sample. */
  readonly labels?: readonly ListedFile[];
  /** Frames whose numbers are further apart do not follow one another. */
  readonly maxStep: number;
  readonly flow?: FlowFolders | undefined;
}

interface PlacedFrame {
  readonly file: ListedFile;
  readonly clip: ListedFile[];
  readonly position: number;
}

/**
 * A dataset of frames whose neighbours are told by their names, as in evaluations (see `orderIntoClips`).
 * @throws SteadysegError for a label without its frame, naming it.
 */
export function sequenceDataset(options: SequenceOptions): Dataset {
  const { name, classes, ids, frames, labels, maxStep, flow } = options;
  const nameOf = pairingNames([...frames, ...(labels ? [labels] : [])]);
  const placed = new Map<string, PlacedFrame>();
  for (const set of frames) {
    for (const clip of clipsOf(set, maxStep)) {
      for (const [position, file] of clip.entries()) {
        const key = nameOf(file);
        if (!placed.has(key)) placed.set(key, { file, clip, position });
      }
    }
  }
  const labelled = labels && indexByName(labels, nameOf);
  const keys = labelled ? [...labelled.keys()] : [...placed.keys()];
  const missing = keys.filter((key) => !placed.has(key));
  if (missing.length > 0) throw missingPartners('frame', `${name} (labels)`, missing);
  return {
    name,
    classes,
    count: keys.length,
    sample(index) {
      const key = keys[index];
      const place = placed.get(key);
      if (!place) throw new SteadysegError(`${name}: expected a sample from 0 to ${keys.length - 1}, found ${index}`);
      const label = labelled?.get(key);
      return sampleAt(place, label && { kind: 'file', path: label.path, classes, ids }, flow);
    },
  };
}

function sampleAt(place: PlacedFrame, label: LabelReference | undefined, flow: FlowFolders | undefined): Sample {
  const { file, clip, position } = place;
  const reference = (found: ListedFile | undefined): FrameReference | undefined =>
    found && { kind: 'file', path: found.path };
  return {
    name: file.path,
    frame: { kind: 'file', path: file.path },
    label,
    neighbour: (offset) => reference(clip[position + offset]),
    flow: (offset) => (flow && clip[position + offset] ? flowSteps(clip, position, offset, flow) : undefined),
  };
}

/** The files of the steps from one frame to another: each step's flow is named after its earlier frame. */
function flowSteps(clip: readonly ListedFile[], position: number, offset: number, folders: FlowFolders): FlowReference {
  const direction = offset > 0 ? 'forward' : 'backward';
  const steps = Array.from({ length: Math.abs(offset) }, (_, k) => clip[offset > 0 ? position + k : position - k - 1]);
  const { hidden } = folders;
  return {
    kind: 'files',
    paths: steps.map(({ folder, stem }) => flowPath(folders.flow(folder), stem, direction)),
    hidden: hidden
      ? steps.map(({ folder, stem }) => flowPath(hidden(folder), stem, direction).replace(/\.flo$/, '.png'))
      : [],
  };
}

/** Frames as clips, by the one rule of orderIntoClips. */
function clipsOf(files: readonly ListedFile[], maxStep: number): ListedFile[][] {
  const paths = files.map(({ path }) => path);
  const { order, clips } = orderIntoClips(paths, { maxStep, unnumbered: 'alone' });
  return clips.map(({ first, count }) => order.slice(first, first + count).map((at) => files[at]));
}

/** Flow for every folder of frames in a folder of the same name below `root`, or in `root` itself for frames without one. */
export function flowBelow(root: string, hiddenRoot?: string): FlowFolders {
  const below = (base: string) => (folder: string) => join(base, folder);
  return hiddenRoot === undefined ? { flow: below(root) } : { flow: below(root), hidden: below(hiddenRoot) };
}

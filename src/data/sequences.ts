// Samples out of folders of frames and label maps: partners by name, neighbours by the number in the name.
import { dirname, join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { flowPath } from '../flow/path.js';
import type { ClassSet } from '../media/classes.js';
import { pairingKeyOf } from '../media/stems.js';
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
  /** Frames of one folder and name follow each other when their numbers differ by at most this. */
  readonly step: number;
  readonly flow?: FlowFolders | undefined;
}

interface PlacedFrame {
  readonly file: ListedFile;
  readonly clip: ListedFile[];
  readonly position: number;
}

/**
 * A dataset of frames whose neighbours are told by their names: frames of one folder whose names differ only in a number
 * are a sequence, which ends where the number jumps.
 * @throws SteadysegError for a label without its frame, naming it.
 */
export function sequenceDataset(options: SequenceOptions): Dataset {
  const { name, classes, ids, frames, labels, step, flow } = options;
  const nameOf = pairingNames([...frames, ...(labels ? [labels] : [])]);
  const placed = new Map<string, PlacedFrame>();
  for (const set of frames) {
    for (const clip of clipsByNumber(set, step)) {
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

/** The text before the last number of a name, and that number. */
const numberedKey = /^(.*?)(\d+)\D*$/;

/** Whether one frame follows another: in one folder, named alike, with a number that is higher by 1 to `step`. */
export function follows(before: string, after: string, step: number): boolean {
  const [first, second] = [before, after].map((path) => numberedKey.exec(pairingKeyOf(path)));
  if (!first || !second || dirname(before) !== dirname(after) || first[1] !== second[1]) return false;
  const distance = Number(second[2]) - Number(first[2]);
  return distance >= 1 && distance <= step;
}

/** Splits frames into clips; frames without a number in their name stand alone. */
function clipsByNumber(files: readonly ListedFile[], step: number): ListedFile[][] {
  const sequences = new Map<string, { number: number; file: ListedFile }[]>();
  for (const file of files) {
    const match = numberedKey.exec(file.key);
    const sequence = `${file.folder}/${match ? match[1] : `${file.key} `}`;
    const members = sequences.get(sequence);
    const member = { number: match ? Number(match[2]) : 0, file };
    if (members) members.push(member);
    else sequences.set(sequence, [member]);
  }
  const clips: ListedFile[][] = [];
  for (const members of sequences.values()) {
    members.sort((a, b) => a.number - b.number);
    for (const [k, { number, file }] of members.entries()) {
      if (k > 0 && number - members[k - 1].number <= step) clips[clips.length - 1].push(file);
      else clips.push([file]);
    }
  }
  return clips;
}

/** Flow for every folder of frames in a folder of the same name below `root`, or in `root` itself for frames without one. */
export function flowBelow(root: string, hiddenRoot?: string): FlowFolders {
  const below = (base: string) => (folder: string) => join(base, folder);
  return hiddenRoot === undefined ? { flow: below(root) } : { flow: below(root), hidden: below(hiddenRoot) };
}

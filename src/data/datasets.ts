// The training sets by their layouts: Cityscapes, the toy city, CamVid, VSPW, list files, and pictures or video without labels.
import { extname, join, resolve } from 'node:path';
import { SteadysegError, UsageError } from '../base/errors.js';
import { ensureFolder, exists, readFileBounded, writeFileWhole } from '../base/files.js';
import { isWritten } from '../base/outputFile.js';
import type { OnProgress } from '../base/progress.js';
import { suggest } from '../base/suggest.js';
import { type ClassSet, presetClasses } from '../media/classes.js';
import { orderIntoClips } from '../media/clips.js';
import { openFrames } from '../media/frames.js';
import { isListPath, listExtensions, pathInList, readList } from '../media/listFile.js';
import { encodePicture } from '../media/pictures.js';
import type { Dataset, FrameReference } from './dataset.js';
import type { LabelIds } from './labelFiles.js';
import { type ListedFile, listFiles } from './layouts.js';
import { type FlowFolders, flowBelow, sequenceDataset } from './sequences.js';

/** What the layouts have in common. */
export interface DatasetOptions {
  /** The dataset's folder, or the list file. */
  readonly root: string;
  /** `train` by default. */
  readonly split?: string | undefined;
  /** Default: the layout's own classes; lists and VSPW need them given. */
  readonly classes?: ClassSet | undefined;
  /** What the values of label files mean. Default: as is usual in the layout. */
  readonly ids?: LabelIds | undefined;
  /** A folder of `.flo` files for neighbouring frames, cities or videos in folders of their own; lists take none. Default: `flow/<split>` of a toy city. */
  readonly flow?: string | undefined;
}

const layouts: Record<string, (options: DatasetOptions) => Promise<Dataset>> = {
  cityscapes: cityscapesDataset,
  toycity: toyCityFolderDataset,
  camvid: camvidDataset,
  vspw: vspwDataset,
  list: listDataset,
};

/** Layouts with classes of their own: the preset of the same name. */
const layoutsWithClasses: readonly string[] = ['cityscapes', 'toycity', 'camvid'];

/** The classes of a layout, where it has its own. */
export function layoutClasses(layout: string): ClassSet | undefined {
  return layoutsWithClasses.includes(layout) ? presetClasses(layout) : undefined;
}

/** Names of the layouts. */
export const datasetLayouts: readonly string[] = Object.keys(layouts);

/** Opens a dataset of a layout by name. @throws UsageError for another name, SteadysegError for what is missing in the folder. */
export async function openDataset(layout: string, options: DatasetOptions): Promise<Dataset> {
  if (Object.hasOwn(layouts, layout)) return await layouts[layout](options);
  const near = suggest(layout, datasetLayouts);
  throw new UsageError(
    `expected one of ${datasetLayouts.join(', ')} for the dataset's layout, found "${layout}"${near ? `: did you mean ${near}?` : ''}`,
  );
}

/**
 * Cityscapes: labels of `gtFine/<split>`, frames of `leftImg8bit_sequence/<split>` (t ± k by frame number) and, for what
 * is not there, of `leftImg8bit/<split>` (a frame without neighbours).
 */
async function cityscapesDataset(options: DatasetOptions): Promise<Dataset> {
  const { root, split = 'train', classes = presetClasses('cityscapes'), ids = 'auto', flow } = options;
  const folders = [join(root, 'leftImg8bit_sequence', split), join(root, 'leftImg8bit', split)];
  const frames: ListedFile[][] = [];
  for (const folder of folders) if (await exists(folder)) frames.push(await listFiles(folder, 'frames'));
  if (frames.length === 0) throw new SteadysegError(`${root}: expected ${folders.join(' or ')}, found neither`);
  const labels = await listFiles(join(root, 'gtFine', split), 'labels');
  const name = `cityscapes ${split} in ${root}`;
  return sequenceDataset({
    name,
    classes,
    ids,
    frames,
    labels,
    maxStep: 1,
    flow: flow ? flowBelow(flow) : undefined,
  });
}

/** A toy city that `steadyseg toycity` wrote: Cityscapes' layout, every frame labelled, with its exact flow and occlusion. */
async function toyCityFolderDataset(options: DatasetOptions): Promise<Dataset> {
  const { root, split = 'train', classes = presetClasses('toycity'), ids = 'trainIds', flow } = options;
  const frames = await listFiles(join(root, 'leftImg8bit_sequence', split), 'frames');
  const labels = await listFiles(join(root, 'gtFine', split), 'labels');
  let folders: FlowFolders | undefined = flow ? flowBelow(flow) : undefined;
  const own = join(root, 'flow', split);
  if (!folders && (await exists(own))) folders = flowBelow(own, join(root, 'occlusion', split));
  const name = `toy city ${split} in ${root}`;
  return sequenceDataset({ name, classes, ids, frames: [frames], labels, maxStep: 1, flow: folders });
}

/**
 * CamVid in SegNet's layout: `<split>` and `<split>annot`. Frames follow each other when their numbers differ by at most
 * two (30 Hz film, 15 Hz here), so those of `train`, a second apart, have no neighbours: they are used without.
 */
async function camvidDataset(options: DatasetOptions): Promise<Dataset> {
  const { root, split = 'train', classes = presetClasses('camvid'), ids = 'trainIds', flow } = options;
  const frames = await listFiles(join(root, split), 'frames');
  const labels = await listFiles(join(root, `${split}annot`), 'labels');
  const name = `camvid ${split} in ${root}`;
  return sequenceDataset({
    name,
    classes,
    ids,
    frames: [frames],
    labels,
    maxStep: 2,
    flow: flow ? flowBelow(flow) : undefined,
  });
}

/** VSPW: the videos that `<split>.txt` lists, `data/<video>/origin` and `data/<video>/mask`. Files of a video follow each other in the order of their names. */
async function vspwDataset(options: DatasetOptions): Promise<Dataset> {
  const { root, split = 'train', classes, ids = 'vspw', flow } = options;
  if (!classes) throw new UsageError(`${root}: expected the classes of VSPW to be given (a class file), found none`);
  const videos = (await readList(join(root, `${split}.txt`))).map(({ text }) => text);
  const frames: ListedFile[] = [];
  const labels: ListedFile[] = [];
  for (const video of videos) {
    const folder = join(root, 'data', video);
    // The video is the folder, so that names that repeat in every video stay apart.
    const inVideo = (file: ListedFile): ListedFile => ({ ...file, folder: video });
    frames.push(...(await listFiles(folder, 'frames')).map(inVideo));
    labels.push(...(await listFiles(folder, 'labels')).map(inVideo));
  }
  const name = `vspw ${split} in ${root}`;
  return sequenceDataset({
    name,
    classes,
    ids,
    frames: [frames],
    labels,
    maxStep: Number.POSITIVE_INFINITY,
    flow: flow ? flowBelow(flow) : undefined,
  });
}

/** The marker of an extracted video holds its path. */
const MAX_MARKER_BYTES = 1 << 16;

/** How far the numbers of frames may be apart that follow each other: 30 Hz film is often kept at 15 Hz. */
const listedStep = 2;

/**
 * A list file: `image`, `image label` or `image label frame` on each line, separated by tabs (names may then hold spaces)
 * or spaces, relative to the list. The label may be `-` for none. `frame` is the neighbour t + 1; where it is
 * the image of the next line, the clip goes on there. Lines without it are a clip while they lie in one folder and their
 * names differ only in a number that grows by one, or always by two (see orderIntoClips).
 */
async function listDataset(options: DatasetOptions): Promise<Dataset> {
  const { root, classes, ids = 'auto', flow } = options;
  if (flow !== undefined) throw new UsageError(`${root}: expected no folder of flow for a list, found ${flow}`);
  if (!classes) throw new UsageError(`${root}: expected the classes of the list's labels to be given, found none`);
  const rows: { image: string; label: string | undefined; frame: string | undefined }[] = [];
  if (!isListPath(root)) {
    throw new UsageError(`${root}: expected a list (${listExtensions.join(', ')}), found "${extname(root)}"`);
  }
  for (const { columns, line } of await readList(root)) {
    if (columns.length > 3) {
      throw new SteadysegError(
        `${root}, line ${line}: expected "image [label [frame]]", found ${columns.length} columns`,
      );
    }
    const paths = columns.map((column) => pathInList(root, column));
    for (const [k, path] of paths.entries()) {
      if (k === 1 && columns[1] === '-') continue;
      if (!(await exists(path))) {
        throw new SteadysegError(`${root}, line ${line}: expected a file, found "${columns[k]}", which is none`);
      }
    }
    rows.push({ image: paths[0], label: columns[1] === '-' ? undefined : paths[1], frame: paths[2] });
  }
  const following = followingRows(rows);
  return {
    name: `list ${root}`,
    classes,
    count: rows.length,
    sample(index) {
      const { image, label, frame } = rows[index];
      return {
        name: image,
        frame: { kind: 'file', path: image },
        label: label === undefined ? undefined : { kind: 'file', path: label, classes, ids },
        neighbour(offset): FrameReference | undefined {
          const path = following.at(index, offset) ?? (offset === 1 ? frame : undefined);
          return path === undefined ? undefined : { kind: 'file', path };
        },
        flow: () => undefined,
      };
    },
  };
}

/** Which images of a list follow one another. A line's own `frame` goes before what the names tell. */
function followingRows(rows: readonly { image: string; frame: string | undefined }[]) {
  const { order, clips } = orderIntoClips(
    rows.map(({ image }) => image),
    { maxStep: listedStep, unnumbered: 'alone' },
  );
  const next = new Map<number, number>();
  for (const { first, count } of clips) {
    for (let at = first; at + 1 < first + count; at++) next.set(order[at], order[at + 1]);
  }
  for (const [index, { frame }] of rows.entries()) {
    if (frame === undefined) continue;
    next.delete(index);
    if (rows[index + 1]?.image === frame) next.set(index, index + 1);
  }
  const before = new Map([...next].map(([earlier, later]) => [later, earlier]));
  return {
    /** The image `offset` frames after a line's. */
    at(index: number, offset: number): string | undefined {
      const links = offset > 0 ? next : before;
      let row: number | undefined = index;
      for (let k = 0; k < Math.abs(offset) && row !== undefined; k++) row = links.get(row);
      return row === undefined ? undefined : rows[row].image;
    },
  };
}

/**
 * Pictures without labels (folder, glob, list of frames): every frame is a sample, with neighbours within its clip.
 * For a video, see `extractVideo`.
 */
export async function picturesDataset(input: string, classes: ClassSet, flow?: string): Promise<Dataset> {
  const { paths, stems, clips } = await openFrames(input);
  if (!paths || !stems) {
    throw new UsageError(`${input}: expected pictures, found a video: its frames must be extracted to a folder first`);
  }
  const clipOf = new Int32Array(paths.length);
  for (const [k, { first, count = 0 }] of clips.entries()) clipOf.fill(k, first, first + count);
  const reference = (index: number): FrameReference => ({ kind: 'file', path: paths[index] });
  return {
    name: `pictures ${input}`,
    classes,
    count: paths.length,
    sample: (index) => ({
      name: paths[index],
      frame: reference(index),
      neighbour: (offset) => (clipOf[index + offset] === clipOf[index] ? reference(index + offset) : undefined),
      flow(offset) {
        if (flow === undefined || clipOf[index + offset] !== clipOf[index]) return undefined;
        const steps = Array.from({ length: Math.abs(offset) }, (_, k) => stems[offset > 0 ? index + k : index - k - 1]);
        const folder = offset > 0 ? flow : join(flow, 'backward');
        return { kind: 'files', paths: steps.map((stem) => join(folder, `${stem}.flo`)), hidden: [] };
      },
    }),
  };
}

/** Writes the frames of a video as `<six digits>.png` into `folder`, once: a folder whose extraction was completed is used as it is. */
export async function extractVideo(path: string, folder: string, onProgress?: OnProgress): Promise<string> {
  const marker = join(folder, '.extracted');
  const source = resolve(path);
  if (await exists(marker)) {
    const found = new TextDecoder().decode(await readFileBounded(marker, MAX_MARKER_BYTES));
    if (found === source) return folder;
    throw new SteadysegError(`${folder}: expected the frames of ${source}, found those of ${found}`);
  }
  await ensureFolder(folder);
  const video = await openFrames(path);
  let done = 0;
  for await (const { stem, image } of video.frames()) {
    const file = join(folder, `${stem}.png`);
    const content = await encodePicture(image, 'png');
    if (!(await isWritten(file, content))) await writeFileWhole(file, content);
    onProgress?.({ done: ++done, total: video.count });
  }
  await writeFileWhole(marker, source);
  return folder;
}

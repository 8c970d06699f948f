// Finds label maps and frames in the folder layouts of Cityscapes, CamVid, VSPW, `steadyseg predict`, and in list files.
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { exists, isFolder, reasonOf } from '../base/files.js';
import { naturalOrder } from '../media/frames.js';
import { isListPath, pathInList, readList } from '../media/listFile.js';
import { isPicturePath } from '../media/pictures.js';
import { pairingKey } from '../media/stems.js';

/** A label map or frame, and the names by which others may be its partner. */
export interface ListedFile {
  readonly path: string;
  /** The file name without extension. */
  readonly stem: string;
  /** The stem without the suffixes that tell images, labels and predictions of one frame apart. */
  readonly key: string;
  /** Its folder below the root, without those that tell them apart: a city, a video, or nothing. */
  readonly folder: string;
}

export type FileRole = 'frames' | 'labels';

/** Videos by split by camera: deeper trees are not one data set. */
const MAX_DEPTH = 6;

/** Folders that hold one kind of file beside another kind: names of no video. */
const roleFolders: Readonly<Record<FileRole, readonly string[]>> = {
  frames: ['origin', 'images'],
  labels: ['labels', 'mask'],
};
/** Pictures for people, which look like label maps but are none. */
const shownFolders = ['color'];
/** Cityscapes' other files beside its label maps. */
const otherLabelFiles = /_(color|instanceIds|instanceTrainIds)$/;
/**
 * Lists the label maps (PNG) or frames (any picture) that `input` names, in natural order.
 * - A folder with such files: these. CamVid; predictions of any program.
 * - A folder with `labels` or `mask` (for frames: `origin` or `images`): the files in there. `steadyseg predict`; one VSPW video.
 * - Other folders: the same in each subfolder. Cityscapes' cities; VSPW's videos. Of Cityscapes' label files, the train ids
 *   of a frame, or else its label ids.
 * - A list (.txt, .lst), for labels `image label` or `label` on each line, relative to the list: in its order.
 * @throws SteadysegError when there is nothing.
 */
export async function listFiles(input: string, role: FileRole): Promise<ListedFile[]> {
  const files = isListPath(input)
    ? await filesListed(input, role)
    : preferTrainIds(await filesBelow(input, input, role, 0));
  if (files.length > 0) return files;
  const kind = role === 'labels' ? 'label maps (.png)' : 'pictures';
  throw new SteadysegError(`${input}: expected a folder or list of ${kind}, found none`);
}

async function filesBelow(root: string, folder: string, role: FileRole, depth: number): Promise<ListedFile[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((thrown: unknown) => {
    throw new SteadysegError(`cannot read ${folder}: ${reasonOf(thrown)}`, { cause: thrown });
  });
  const names = entries.map((entry) => entry.name).filter((name) => !name.startsWith('.'));
  const wanted = (name: string) =>
    role === 'frames'
      ? isPicturePath(name)
      : name.toLowerCase().endsWith('.png') && !otherLabelFiles.test(basename(name, extname(name)));
  const kept = names.filter(wanted).sort(naturalOrder);
  const files = kept.map((name) => listed(join(folder, name), basename(name, extname(name)), relative(root, folder)));
  if (files.length > 0 || depth >= MAX_DEPTH) return files;

  const others = names.filter((name) => !shownFolders.includes(name)).sort(naturalOrder);
  const own = others.filter((name) => roleFolders[role].includes(name));
  const below: ListedFile[] = [];
  for (const name of own.length > 0 ? own : others) {
    const path = join(folder, name);
    if (await isFolder(path)) below.push(...(await filesBelow(root, path, role, depth + 1)));
  }
  return below;
}

function listed(path: string, stem: string, folder: string): ListedFile {
  const noNames = [...roleFolders.frames, ...roleFolders.labels, '.', '..', ''];
  const parts = folder.split(/[/\\]/).filter((part) => !noNames.includes(part));
  return { path, stem, key: pairingKey(stem), folder: parts.join('/') };
}

/** Where Cityscapes has both kinds of ids for a frame, its train ids are taken. */
function preferTrainIds(files: readonly ListedFile[]): ListedFile[] {
  const withTrainIds = new Set(
    files.filter(({ stem }) => stem.endsWith('_labelTrainIds')).map(({ folder, key }) => `${folder}/${key}`),
  );
  return files.filter(({ stem, folder, key }) => !(stem.endsWith('_labelIds') && withTrainIds.has(`${folder}/${key}`)));
}

async function filesListed(list: string, role: FileRole): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for (const { columns, line } of await readList(list)) {
    const [image, label = image] = columns;
    const own = role === 'labels' ? label : image;
    const path = pathInList(list, own);
    if (!(await exists(path))) {
      const expected = role === 'labels' ? '"image label" or the path of a label map' : 'the path of a picture';
      throw new SteadysegError(`${list}, line ${line}: expected ${expected}, found "${own}", which is no file`);
    }
    files.push(listed(path, basename(image, extname(image)), dirname(image)));
  }
  return files;
}

// Finds label maps and frames in the folder layouts of Cityscapes, CamVid, VSPW, `steadyseg predict`, and in list files.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { exists, readFileBounded, reasonOf } from '../base/files.js';
import { naturalOrder } from '../media/frames.js';
import { isPicturePath } from '../media/pictures.js';

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

/** A list of a million lines takes 100 MB. */
const MAX_LIST_BYTES = 1 << 28;
/** Videos by split by camera: deeper trees are not one data set. */
const MAX_DEPTH = 6;

const listExtensions = ['.txt', '.lst'];
/** Folders that hold one kind of file beside another kind: names of no video. */
const roleFolders: Readonly<Record<FileRole, readonly string[]>> = {
  frames: ['origin', 'images'],
  labels: ['labels', 'mask'],
};
/** Pictures for people, which look like label maps but are none. */
const shownFolders = ['color'];
/** Cityscapes' other files beside its label maps. */
const otherLabelFiles = /_(color|instanceIds|instanceTrainIds)$/;
const knownSuffixes = /_(leftImg8bit|gt(Fine|Coarse)_label(Train)?Ids)$/;
/** Cityscapes' own scripts find the files of a frame by `<city>_<sequence>_<frame>*`. */
const cityscapesName = /^(.+?_\d{6}_\d{6})(_.*)?$/;

/** The stem with known suffixes taken off: what an image, its label and its prediction share. */
export function pairingKey(stem: string): string {
  return cityscapesName.exec(stem)?.[1] ?? stem.replace(knownSuffixes, '');
}

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
  const isList = listExtensions.includes(extname(input).toLowerCase());
  const files = isList ? await filesListed(input, role) : preferTrainIds(await filesBelow(input, input, role, 0));
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
    if ((await stat(path)).isDirectory()) below.push(...(await filesBelow(root, path, role, depth + 1)));
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
  const text = new TextDecoder().decode(await readFileBounded(list, MAX_LIST_BYTES));
  const files: ListedFile[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const columns = line.trim().split(line.includes('\t') ? /\t+/ : /\s+/);
    if (columns[0] === '') continue;
    const image = columns[0];
    const own = role === 'labels' && columns.length > 1 ? columns[1] : image;
    const path = isAbsolute(own) ? own : join(dirname(list), own);
    if (!(await exists(path))) {
      const expected = role === 'labels' ? '"image label" or the path of a label map' : 'the path of a picture';
      throw new SteadysegError(`${list}, line ${index + 1}: expected ${expected}, found "${own}", which is no file`);
    }
    files.push(listed(path, basename(image, extname(image)), dirname(image)));
  }
  return files;
}

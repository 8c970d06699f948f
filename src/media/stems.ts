// The names by which frames, predictions and labels of different folders belong together.
import { basename, extname } from 'node:path';

/** What data sets append to the name that a frame and its labels share. */
const suffix = /_(?:leftImg8bit|gtFine_labelIds|gtFine_labelTrainIds)$/;

/** The part of a file name or stem that pairs it with others: without folder, extension and the suffixes of data sets. */
export function pairingStem(pathOrStem: string): string {
  const name = basename(pathOrStem);
  const stem = /\.\w{2,4}$/.test(name) ? basename(name, extname(name)) : name;
  return stem.replace(suffix, '');
}

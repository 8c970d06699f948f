// The names by which frames, labels and predictions of different folders belong together.
import { basename, extname } from 'node:path';

/** What data sets append to the name that a frame and its labels share. */
const knownSuffixes = /_(leftImg8bit|gt(Fine|Coarse)_label(Train)?Ids)$/;
/** Cityscapes' own scripts find the files of a frame by `<city>_<sequence>_<frame>*`. */
const cityscapesName = /^(.+?_\d{6}_\d{6})(_.*)?$/;

/** The stem with known suffixes taken off: what an image, its label and its prediction share. */
export function pairingKey(stem: string): string {
  return cityscapesName.exec(stem)?.[1] ?? stem.replace(knownSuffixes, '');
}

/** The pairing key of a file: without folder and extension. */
export function pairingKeyOf(path: string): string {
  return pairingKey(basename(path, extname(path)));
}

// Files that the visitor gave, as a source of frames.
import { pictureSource } from './pictures.js';
import type { Source } from './source.js';
import { videoSource } from './video.js';

/** One video, or pictures: several are the frames of a clip. @throws Error in words for anything else. */
export async function openFiles(files: readonly File[]): Promise<Source> {
  const pictures = files.filter(({ type }) => type.startsWith('image/'));
  if (pictures.length === files.length) return pictureSource(files);
  if (files.length > 1) {
    throw new Error(
      `expected one video, or pictures that are the frames of a clip, found ${files.length} files (${files.map(({ name }) => name).join(', ')})`,
    );
  }
  return videoSource(files[0]);
}

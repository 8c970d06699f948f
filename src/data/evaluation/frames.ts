// The frames of an evaluation: whatever `openFrames` opens, and the folder layouts of the data sets.
import { isFolder } from '../../base/files.js';
import { type FrameSource, openFrames, pictureFrames } from '../../media/frames.js';
import type { VideoOptions } from '../../media/video.js';
import { listFiles } from '../layouts.js';

/**
 * Opens a video, picture, glob or list, or a folder in one of the layouts of `listFiles`. Where folders repeat file
 * names (VSPW's videos), stems are `folder/name`.
 */
export async function openEvaluationFrames(input: string, options: VideoOptions = {}): Promise<FrameSource> {
  if (!(await isFolder(input))) return await openFrames(input, options);
  const files = await listFiles(input, 'frames');
  const distinct = new Set(files.map(({ stem }) => stem)).size === files.length;
  const stems = files.map(({ stem, folder }) => (distinct || folder === '' ? stem : `${folder}/${stem}`));
  return pictureFrames(
    input,
    files.map(({ path }) => path),
    stems,
  );
}

// Flow that lies in files: DIR/<stem of t>.flo is t→t+1, DIR/backward/<stem of t>.flo is t+1→t; KITTI PNGs likewise.
import { SteadysegError } from '../base/errors.js';
import { exists, isFolder } from '../base/files.js';
import { readFlo } from '../media/flo.js';
import type { OpticalFlow } from '../media/image.js';
import { readKittiFlow } from '../media/kitti.js';
import { flowPath } from './path.js';
import type { FlowDirection, FlowSource } from './source.js';

/** How many missing files an error lists before it only counts. */
const MAX_NAMED = 5;

/** Reading is bound by the disk and by sharp's own threads. */
const CONCURRENT_READS = 4;

/** What Cityscapes adds to the names of its frames; flow files may go without it. */
const frameSuffix = /_leftImg8bit$/;

/**
 * Flow computed before, by whatever means: other software, `steadyseg flow`, or a renderer that knows the true motion.
 * @throws SteadysegError when `folder` is no folder; from `check` and `flow`, naming what is missing.
 */
export async function folderFlow(folder: string): Promise<FlowSource> {
  if (!(await isFolder(folder)))
    throw new SteadysegError(`${folder}: expected a folder of .flo or KITTI flow files, found none`);
  const find = async (stem: string, direction: FlowDirection) => {
    for (const name of new Set([stem, stem.replace(frameSuffix, '')])) {
      const flo = flowPath(folder, name, direction);
      if (await exists(flo)) return flo;
      const png = flo.replace(/\.flo$/, '.png');
      if (await exists(png)) return png;
    }
    return undefined;
  };
  return {
    name: `folder ${folder}`,
    folder,
    concurrency: CONCURRENT_READS,
    async flow(pair, direction): Promise<OpticalFlow> {
      const path = await find(pair.first.stem, direction);
      if (path === undefined) throw missing([flowPath(folder, pair.first.stem, direction)], direction === 'backward');
      return path.endsWith('.flo') ? await readFlo(path) : await readKittiFlow(path);
    },
    async check(firstStems, directions) {
      const absent: string[] = [];
      for (const direction of directions) {
        for (const stem of firstStems) {
          if ((await find(stem, direction)) === undefined) absent.push(flowPath(folder, stem, direction));
        }
      }
      if (absent.length > 0) throw missing(absent, directions.includes('backward'));
    },
    async close() {},
  };
}

function missing(paths: readonly string[], needsBackward: boolean): SteadysegError {
  const named = paths.slice(0, MAX_NAMED).join(', ');
  const more = paths.length > MAX_NAMED ? ` and ${paths.length - MAX_NAMED} more` : '';
  const both = needsBackward ? '; both directions are needed here (backward flow lies in the folder "backward")' : '';
  return new SteadysegError(`expected flow files (.flo, or KITTI .png), found none at ${named}${more}${both}`);
}

// Names of flow files in a folder.
import { join } from 'node:path';
import type { FlowDirection } from './source.js';

/** Where the flow of the pair that starts with `stem` lies, with the extension `.flo`. */
export function flowPath(folder: string, stem: string, direction: FlowDirection): string {
  return direction === 'forward' ? join(folder, `${stem}.flo`) : join(folder, 'backward', `${stem}.flo`);
}

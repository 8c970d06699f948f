// Says once, before the tests, what this machine lacks: the titles of skipped tests are not printed.
import { existsSync } from 'node:fs';
import { sharedPath } from './shared.js';

export default function tellWhatIsMissing(): void {
  const folder = sharedPath();
  if (existsSync(folder)) return;
  console.log(`no reference material at ${folder} (STEADYSEG_SHARED): tests that compare with it are skipped`);
}

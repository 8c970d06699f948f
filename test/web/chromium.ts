// Chromium without a window, for the tests of what runs in browsers: from $CHROMIUM, else from the PATH, else none.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const executable = findChromium();
if (!executable) console.log('no Chromium on this machine (PATH, $CHROMIUM): the browser tests are skipped');

/** Whether there is one. */
export const hasChromium = executable !== undefined;

/** Starts it. @param gpu switches that give it WebGPU; default: it does without a GPU. */
export function launchChromium(gpu: readonly string[] = ['--disable-gpu']): Promise<Browser> {
  if (!executable) throw new Error('expected a Chromium on this machine');
  return chromium.launch({ executablePath: executable, args: ['--no-sandbox', ...gpu] });
}

/** @throws when $CHROMIUM names no file: who sets it wants the tests run. */
function findChromium(): string | undefined {
  const named = process.env.CHROMIUM;
  if (named) {
    if (!existsSync(named)) throw new Error(`$CHROMIUM: expected a browser's program, found no file ${named}`);
    return named;
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
}

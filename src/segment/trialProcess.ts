// The process of trial.ts: loads a network, runs it once, and ends.
import { loadModel } from './loadModel.js';
import type { Trial } from './trial.js';

/** Of a network of free size. */
const side = 256;

process.once('message', async ({ content, options }: Trial) => {
  try {
    const model = await loadModel(content, options);
    const { height = side, width = side } = model.description;
    await model.segment({ width, height, data: new Uint8Array(3 * width * height).fill(128) });
  } catch {
    // Errors in words are told by the process that asks.
  }
  process.exit(0);
});

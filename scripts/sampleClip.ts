// Makes the clip that the browser page shows first, web/public/sample.mp4: a street of the toy city that no network has seen.
// `npm run build && tsc -p tsconfig.scripts.json && node out/scripts/sampleClip.js`
import { join, resolve } from 'node:path';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { createClipRenderer } from '#src/toycity/render.js';

const [height, width, frames] = [256, 512, 40];

const root = resolve(import.meta.dirname, '..', '..');
const renderer = createClipRenderer({ seed: 6, frames, height, width });
const path = join(root, 'web', 'public', 'sample.mp4');
const writer = await createVideoWriter(path, { width, height, frameRate: { numerator: 10, denominator: 1 } });
for (let t = 0; t < frames; t++) await writer.write(renderer.frame(t).image);
await writer.close();
console.log(path);

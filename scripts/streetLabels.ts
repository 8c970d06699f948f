// Pseudo labels of driving clips in CamVid's classes, from two networks: what `configs/camvid/deeplab-steady.yaml` trains on beside CamVid.
// Usage: npm run street-labels -- FRAMES CITYSCAPES_LABELS CAMVID_LABELS OUT [--trust | --home]
// FRAMES is a folder of pictures; the labels of both networks are named like them (`predict --smooth 4 --save labels`).
// Writes labels and list.txt into OUT; whom it believes: mergeLabels.ts.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { openFrames } from '#src/media/frames.js';
import { readLabelMap, writeLabelMap } from '#src/media/labels.js';
import { mergeLabels } from './mergeLabels.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { trust: { type: 'boolean' }, home: { type: 'boolean' } },
});
const [folder, cityscapes, camvid, out] = positionals;
if (values.trust && values.home) throw new Error('give --trust or --home, found both');
if (out === undefined) throw new Error('give FRAMES CITYSCAPES_LABELS CAMVID_LABELS OUT');
const rule = values.home ? 'home' : values.trust ? 'trust' : 'agreed';

const source = await openFrames(folder);
if (!source.paths || !source.stems) throw new Error(`${folder}: expected a folder of pictures`);
// Nothing that is there is replaced.
await mkdir(out);
await mkdir(join(out, 'labels'));
const lines: string[] = [];
for (const [at, stem] of source.stems.entries()) {
  const [first, second] = await Promise.all(
    [cityscapes, camvid].map((from) => readLabelMap(join(from, `${stem}.png`))),
  );
  const label = join(out, 'labels', `${stem}.png`);
  await writeLabelMap(label, { ...first, data: mergeLabels(first.data, second.data, rule) });
  lines.push(`${relative(out, source.paths[at])} ${relative(out, label)}`);
}
await writeFile(join(out, 'list.txt'), `${lines.join('\n')}\n`);
console.log(`${join(out, 'list.txt')}: ${lines.length} frames`);

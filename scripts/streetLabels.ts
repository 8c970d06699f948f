// Pseudo labels of driving clips in CamVid's classes, from two networks: what `configs/camvid/deeplab-steady.yaml` trains on beside CamVid.
// Usage: npm run street-labels -- FRAMES CITYSCAPES_LABELS CAMVID_LABELS OUT [--trust | --home]
// FRAMES is a folder of pictures; the labels of both networks are named like them (`predict --smooth 4 --save labels`).
// Writes labels and list.txt into OUT. Kept is what both say, sky and trees of the first, and sky of the second, whose own
// drives have little of it; --trust keeps all of the first. --home is for drives like those of the second network: surfaces are its own,
// while poles, cars and people, which the first knows better, are kept where the first says them. The rest is ignored.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { presetClasses } from '#src/media/classes.js';
import { openFrames } from '#src/media/frames.js';
import { ignoreLabel } from '#src/media/image.js';
import { readLabelMap, writeLabelMap } from '#src/media/labels.js';

/** Cityscapes' classes by what CamVid calls them; a wall is a building, terrain belongs to trees. */
const camvidOf: Readonly<Record<string, string>> = {
  ...{ road: 'road', sidewalk: 'sidewalk', building: 'building', wall: 'building', fence: 'fence', pole: 'pole' },
  ...{ 'traffic light': 'sign', 'traffic sign': 'sign', vegetation: 'tree', terrain: 'tree', sky: 'sky' },
  ...{ person: 'pedestrian', rider: 'bicyclist', car: 'car', truck: 'car', bus: 'car', train: 'car' },
  ...{ motorcycle: 'bicyclist', bicycle: 'bicyclist' },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { trust: { type: 'boolean' }, home: { type: 'boolean' } },
});
const [folder, cityscapes, camvid, out] = positionals;
if (values.trust && values.home) throw new Error('give --trust or --home, found both');
if (out === undefined) throw new Error('give FRAMES CITYSCAPES_LABELS CAMVID_LABELS OUT');

const { classes } = presetClasses('camvid');
const idOf = (name: string) => classes.findIndex((known) => known.toLowerCase() === name);
const [sky, tree, sign] = [idOf('sky'), idOf('tree'), idOf('sign')];
const things = new Set(['pole', 'car', 'pedestrian', 'bicyclist'].map(idOf));
const translated = presetClasses('cityscapes').classes.map((name) => {
  const id = idOf(camvidOf[name] ?? '');
  if (id < 0) throw new Error(`expected a class of CamVid for ${name}, found none`);
  return id;
});

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
  if (first.data.length !== second.data.length) throw new Error(`${stem}: expected labels of one size`);
  const data = first.data.map((id, pixel) => {
    const [one, other] = [translated[id] ?? ignoreLabel, second.data[pixel]];
    if (values.home) {
      if (things.has(one) || one === sign) return one;
      return things.has(other) ? ignoreLabel : other;
    }
    if (values.trust || one === other || one === sky || one === tree) return one;
    return other === sky ? sky : ignoreLabel;
  });
  const label = join(out, 'labels', `${stem}.png`);
  await writeLabelMap(label, { ...first, data });
  lines.push(`${relative(out, source.paths[at])} ${relative(out, label)}`);
}
await writeFile(join(out, 'list.txt'), `${lines.join('\n')}\n`);
console.log(`${join(out, 'list.txt')}: ${lines.length} frames`);

// Mistakes in how classes are drawn over frames, and written one by one.
import { changes } from './mutation.js';

const rendered = 'test/segment/render.test.ts';
const colours = 'test/media/color.test.ts';

export const drawing = [
  ...changes('segment/render', rendered, [
    ['table[id] = id', 'table[id] = shown[0]'],
    ['shown ? onlyShown(labels, shown) : labels', 'labels'],
    ["legend: place = 'inside'", "legend: place = 'off'"],
    ['createLegend(named, image, place)', 'createLegend(classes, image, place)'],
    ['[folders[id], await encode(id)]', '[folders[id], await encode(ids[0])]'],
  ]),
  ...changes('media/classFiles', rendered, [
    ['label === id ? 255 : 0', 'label === id ? 1 : 0'],
    ['labels.data[pixel] !== id', 'labels.data[pixel] === id'],
    ['data[4 * pixel + 3] = 255', 'data[4 * pixel + 3] = 254'],
    ['3 * pixel + 3)', '3 * pixel + 2)'],
  ]),
  ...changes('media/classFiles', 'test/media/classFiles.test.ts', [
    ['new Set(plain).size === plain.length', 'true'],
    ['!plain.some((name) => /^-?$/.test(name))', 'true'],
  ]),
  ...changes('media/color', colours, [
    ['256 - share', 'share'],
    ['Math.max(BORDER_OPACITY', 'Math.min(BORDER_OPACITY'],
  ]),
  ...changes('media/legend', colours, [
    ["place === 'below' ? size.height : size.height - layout.height", 'size.height - layout.height'],
  ]),
];

// One pseudo label map in CamVid's classes of what two networks say: one of Cityscapes' classes, one of CamVid's.
import { presetClasses } from '#src/media/classes.js';
import { ignoreLabel } from '#src/media/image.js';

/**
 * Whom to believe. `agreed`: what both say, sky and trees of the first, and sky of the second, whose own drives have little
 * of it; a road or sidewalk to the first that is a building to the second is neither, but a hill or bank, as motorways have
 * them: a tree in CamVid's classes. `trust`: all of the first. `home`, for drives like those of the second: surfaces are its
 * own, while poles, signs, cars and people, which the first knows better, are kept where the first says them. The rest is ignored.
 */
export type MergeRule = 'agreed' | 'trust' | 'home';

/** Cityscapes' classes by what CamVid calls them; a wall is a building, terrain belongs to trees. */
const camvidOf: Readonly<Record<string, string>> = {
  ...{ road: 'road', sidewalk: 'sidewalk', building: 'building', wall: 'building', fence: 'fence', pole: 'pole' },
  ...{ 'traffic light': 'sign', 'traffic sign': 'sign', vegetation: 'tree', terrain: 'tree', sky: 'sky' },
  ...{ person: 'pedestrian', rider: 'bicyclist', car: 'car', truck: 'car', bus: 'car', train: 'car' },
  ...{ motorcycle: 'bicyclist', bicycle: 'bicyclist' },
};

const { classes } = presetClasses('camvid');
const idOf = (name: string) => {
  const id = classes.findIndex((known) => known.toLowerCase() === name);
  if (id < 0) throw new Error(`expected a class of CamVid, found "${name}"`);
  return id;
};
const [sky, tree, sign, building] = ['sky', 'tree', 'sign', 'building'].map(idOf);
const surfaces = new Set(['road', 'sidewalk'].map(idOf));
const things = new Set(['pole', 'car', 'pedestrian', 'bicyclist'].map(idOf));
const translated = presetClasses('cityscapes').classes.map((name) => idOf(camvidOf[name] ?? name));

/** Labels of the same pixels, `cityscapes` in Cityscapes' train ids and `camvid` in CamVid's, as one map in CamVid's. */
export function mergeLabels(cityscapes: Uint8Array, camvid: Uint8Array, rule: MergeRule): Uint8Array {
  if (cityscapes.length !== camvid.length) {
    throw new Error(`expected labels of one size, found ${cityscapes.length} and ${camvid.length} pixels`);
  }
  return cityscapes.map((id, pixel) => {
    const [one, other] = [translated[id] ?? ignoreLabel, camvid[pixel]];
    if (rule === 'home') {
      if (things.has(one) || one === sign) return one;
      return things.has(other) ? ignoreLabel : other;
    }
    if (rule === 'trust' || one === other || one === sky || one === tree) return one;
    if (surfaces.has(one) && other === building) return tree;
    return other === sky ? sky : ignoreLabel;
  });
}

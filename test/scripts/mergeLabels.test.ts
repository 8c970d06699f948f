// Pseudo labels of two networks: whom each rule believes.
import { describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { type MergeRule, mergeLabels } from '../../scripts/mergeLabels.js';

const cityscapes = (name: string) => presetClasses('cityscapes').classes.indexOf(name);
const camvidNames = presetClasses('camvid').classes.map((name) => name.toLowerCase());
/** What becomes of a pixel that is `first` in Cityscapes' classes and `second` in CamVid's. */
function merged(first: string, second: string, rule: MergeRule): string {
  const [id] = mergeLabels(
    Uint8Array.of(first === 'ignored' ? 255 : cityscapes(first)),
    Uint8Array.of(second === 'ignored' ? 255 : camvidNames.indexOf(second)),
    rule,
  );
  return camvidNames[id] ?? 'ignored';
}

describe('labels of two networks', () => {
  it.each<[first: string, second: string, agreed: string, trust: string, home: string]>([
    ['road', 'road', 'road', 'road', 'road'],
    ['truck', 'car', 'car', 'car', 'car'],
    ['sky', 'building', 'sky', 'sky', 'building'],
    ['terrain', 'building', 'tree', 'tree', 'building'],
    ['road', 'building', 'tree', 'road', 'building'],
    ['sidewalk', 'building', 'tree', 'sidewalk', 'building'],
    ['car', 'building', 'ignored', 'car', 'car'],
    ['wall', 'sky', 'sky', 'building', 'sky'],
    ['building', 'fence', 'ignored', 'building', 'fence'],
    ['traffic light', 'tree', 'ignored', 'sign', 'sign'],
    ['rider', 'road', 'ignored', 'bicyclist', 'bicyclist'],
    ['road', 'car', 'ignored', 'road', 'ignored'],
    ['ignored', 'sky', 'sky', 'ignored', 'sky'],
    ['ignored', 'tree', 'ignored', 'ignored', 'tree'],
  ])('%s and %s are %s, %s and %s', (first, second, ...expected) => {
    expect((['agreed', 'trust', 'home'] as const).map((rule) => merged(first, second, rule))).toEqual(expected);
  });

  it('are of one size', () => {
    expect(() => mergeLabels(new Uint8Array(2), new Uint8Array(3), 'agreed')).toThrow('found 2 and 3 pixels');
  });
});

import { expect, it } from 'vitest';
import { displayWidth, renderTable } from '#src/report/table.js';

it('aligns words on the left, numbers on the right, with a dash for what is absent', () => {
  const text = renderTable(
    [{ name: 'class' }, { name: 'IoU' }, { name: 'pixels', decimals: 0 }],
    [
      ['road', 0.98123456, 120000],
      ['traffic light', Number.NaN, 7],
      ['sky', undefined, 0],
    ],
    [['mean', 0.5, undefined]],
  );
  expect(text.split('\n')).toEqual([
    'class             IoU  pixels',
    '─────────────────────────────',
    'road           0.9812  120000',
    'traffic light       –       7',
    'sky                 –       0',
    '─────────────────────────────',
    'mean           0.5000       –',
  ]);
});

it('counts terminal cells: wide scripts, emoji, combining marks', () => {
  expect(['abc', '道路', 'e\u0301', '🚗', 'ﾊ', ''].map(displayWidth)).toEqual([3, 4, 1, 2, 1, 0]);
  const lines = renderTable(
    [{ name: 'name' }, { name: 'n', decimals: 0 }],
    [
      ['道路', 1],
      ['cafe\u0301', 2],
      ['🚗', 3],
    ],
  ).split('\n');
  expect(new Set(lines.map(displayWidth)).size).toBe(1);
});

it('shows names without what would control the terminal', () => {
  const text = renderTable([{ name: 'name' }], [['a\u001b[31mred\u001b[0m \u0007\nb']]);
  expect(text.split('\n').slice(2)).toEqual(['ared \ufffd\ufffdb']);
});

it('draws a table without rows', () => {
  expect(renderTable([{ name: 'a' }, { name: 'b' }], [])).toBe('a  b\n────');
});

import { expect, it } from 'vitest';
import { checkNesting } from '#src/base/yaml.js';

it.each([
  ['flow', '['.repeat(5000), 1],
  ['maps in lists', `a:\n  ${'- {b: '.repeat(300)}`, 2],
  ['compact blocks', `x: 1\n\n${'- '.repeat(5000)}y`, 3],
  ['indentation', Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'), 100],
])('refuses what nests too deeply: %s', (_, text, line) => {
  expect(() => checkNesting(text, 'file.yaml')).toThrow(
    `file.yaml, line ${line}: expected values nested at most 100 deep, found more`,
  );
});

it('lets long and ordinary files through', () => {
  checkNesting('crop: [256, 320]\na: {b: [c, {d: |\n  text\n}]}\n', 'file.yaml');
  checkNesting('- x: [1, 2]\n'.repeat(2000), 'file.yaml');
  checkNesting('', 'file.yaml');
});

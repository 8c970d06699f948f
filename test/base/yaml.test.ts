import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readYaml } from '#src/base/yaml.js';

it.each([
  ['flow', '['.repeat(5000), 1],
  ['maps in lists', `a:\n  ${'- {b: '.repeat(300)}`, 2],
  ['compact blocks', `x: 1\n\n${'- '.repeat(5000)}y`, 3],
  ['indentation', Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'), 100],
])('refuses what nests too deeply: %s', (_, text, line) => {
  expect(() => readYaml(text, 'file.yaml')).toThrow(
    `file.yaml, line ${line}: expected values nested at most 100 deep, found more`,
  );
});

it.each([
  'crop: [256, 320]\na: {b: [c, {d: e}]}\nf: |\n  text\n',
  '- x: [1, 2]\n'.repeat(200),
  '',
  'a: &x [1]\nb: *x\n# the end',
])('lets long and ordinary text through', (text) => {
  expect(readYaml(text, 'file.yaml').document?.toJS()).toEqual(parse(text));
});

it.each([
  ['a: 1\nb: [1', /at line 2, column \d+$/],
  ['a: 1\n}', /at line 2, column 1$/],
  ['a: {b: 1, b: 2}', /unique at line 1, column \d+$/],
])('says what is wrong, and where: %j', (text, message) => {
  expect(readYaml(text, 'file.yaml')).toEqual({ fault: expect.stringMatching(message) });
});

it('reads no further than the first piece that belongs nowhere', () => {
  // Each brace is one more, which used to be described with all that is before it.
  const text = `a:!x  {}\nb: ${'{c: '.repeat(50)}${'}'.repeat(200_000)}`;
  expect(readYaml(text, 'file.yaml').fault).toMatch(/at line 2, column 254$/);
}, 60_000);

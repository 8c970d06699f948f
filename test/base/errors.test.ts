// Messages: one line, and nothing in it that a terminal would act on.
import { expect, it } from 'vitest';
import { isOutOfMemory, messageOf } from '#src/base/errors.js';

it('is one line in which control characters stand as their codes', () => {
  expect(messageOf(new Error(' a\n  b\u001b[2Jc\u0000\u009b '))).toBe('a b\\x1b[2Jc\\x00\\x9b');
  expect(messageOf('x'.repeat(9999))).toBe(`${'x'.repeat(2000)}…`);
  expect(messageOf('Zürich – 東京')).toBe('Zürich – 東京');
});

it('knows the ways in which memory runs out', () => {
  const library = new Error('libvips.so: failed to map segment from shared object');
  const worker = Object.assign(new Error('Worker terminated'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
  for (const thrown of [
    worker,
    library,
    new RangeError('Array buffer allocation failed'),
    new Error('std::bad_alloc'),
  ]) {
    expect(isOutOfMemory(thrown)).toBe(true);
  }
  expect(isOutOfMemory(new Error('no such file'))).toBe(false);
});

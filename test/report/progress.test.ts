import { expect, it } from 'vitest';
import { createProgressLine, formatDuration } from '#src/report/progress.js';

function recorder(isTTY: boolean, columns?: number) {
  const written: string[] = [];
  let time = 0;
  const progress = createProgressLine({
    title: 'predict',
    stream: { isTTY, columns, write: (text: string) => written.push(text) },
    now: () => time,
  });
  const at = (milliseconds: number, done: number, total?: number) => {
    time = milliseconds;
    progress.update({ done, total });
  };
  return { written, progress, at };
}

it('redraws one line on a terminal, with rate and remaining time', () => {
  const { written, progress, at } = recorder(true);
  at(1000, 2, 100);
  at(2000, 4, 100);
  progress.note('left out: one');
  progress.done();
  const erase = '\r\x1b[2K';
  const line = 'predict  4/100 frames  2.00 frames/s  0:48 left';
  expect(written.join('')).toBe(
    `predict  2/100 frames  2.00 frames/s  0:49 left${erase}${line}${erase}left out: one\n${line}${erase}${line}\n`,
  );
});

it('adds a plain line every few seconds elsewhere', () => {
  const { written, progress, at } = recorder(false);
  for (let second = 1; second <= 12; second++) at(1000 * second, second);
  progress.done();
  expect(written).toEqual([1, 6, 11].map((done) => `predict  ${done} frames  1.00 frames/s\n`));
});

it('has no rate of what was counted before, once a count begins anew', () => {
  const { written, at } = recorder(true);
  at(10_000, 40, 40);
  at(11_000, 0, 40);
  at(12_000, 2, 40);
  expect(written.at(-1)).toBe('predict  2/40 frames  2.00 frames/s  0:19 left');
});

it('has no rate at the first report of another part, whose beginning nobody told', () => {
  const { written, progress, at } = recorder(true);
  at(1000, 2, 100);
  progress.restart('steps');
  at(1200, 1, 100);
  expect(written.at(-1)).toBe('predict  1/100 steps');
  at(3200, 3, 100);
  expect(written.at(-1)).toBe('predict  3/100 steps  1.00 steps/s  1:37 left');
});

it('keeps to the width of the terminal', () => {
  const { written, at } = recorder(true, 24);
  at(1000, 2, 100);
  expect(written.join('')).toBe('predict  2/100 frames  ');
});

it('writes durations', () => {
  expect([0, 59.6, 61, 3600, 36061].map(formatDuration)).toEqual(['0:00', '1:00', '1:01', '1:00:00', '10:01:01']);
});

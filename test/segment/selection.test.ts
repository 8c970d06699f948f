// Which frames of an input are selected: shards, limits, times, every n-th.
import { expect, it } from 'vitest';
import type { FrameSource } from '#src/media/frames.js';
import { selectFrames, type WantedFrames } from '#src/segment/selection.js';

const base = { input: 'x', description: 'x', isStream: false, fingerprint: async () => '', async *frames() {} };
const video = (count: number | undefined): FrameSource => ({
  ...base,
  kind: 'video',
  ...(count !== undefined && { count }),
  frameRate: { numerator: 30000, denominator: 1001 },
  clips: [{ name: 'x', first: 0, count }],
});
const pictures: FrameSource = {
  ...base,
  kind: 'images',
  count: 7,
  clips: [
    { name: 'a', first: 0, count: 4 },
    { name: 'b', first: 4, count: 3 },
  ],
};
const whole = { index: 0, count: 1 };
const selected = (source: FrameSource, wanted: WantedFrames, shard = whole) => {
  const selection = selectFrames(source, shard, wanted);
  const indices = Array.from({ length: 400 }, (_, index) => index).filter((index) => selection.has(index));
  return { indices: indices.slice(0, 8), count: selection.count, last: selection.last };
};

it('of a video: between two times, every n-th, up to a limit', () => {
  expect(selected(video(300), {})).toMatchObject({ indices: [0, 1, 2, 3, 4, 5, 6, 7], count: 300 });
  // 30000/1001 frames a second: second 2 is within frame 59.
  expect(selected(video(300), { from: 2, to: 2.2 })).toEqual({
    indices: [59, 60, 61, 62, 63, 64, 65],
    count: 7,
    last: 65,
  });
  expect(selected(video(300), { from: 2, every: 10, limit: 3 })).toEqual({ indices: [59, 69, 79], count: 3, last: 79 });
  // The count of a video is an estimate: frames beyond it are taken too.
  expect(selected(video(100), { every: 30 })).toMatchObject({ indices: [0, 30, 60, 90, 120, 150, 180, 210], count: 4 });
  expect(selected(video(undefined), { every: 2 })).toMatchObject({ count: undefined });
  expect(selected(video(300), {}, { index: 1, count: 2 })).toEqual({ indices: [], count: 0, last: -1 });
  expect(() => selected(video(300), { from: 11 })).toThrow('expected --from before the end, at 10.01 s, found 11.00 s');
  expect(() => selected(video(300), { from: 2, to: 1 })).toThrow('expected --to after --from');
});

it('of pictures: every n-th of each clip, no times', () => {
  expect(selected(pictures, { every: 2 })).toEqual({ indices: [0, 2, 4, 6], count: 4, last: 6 });
  expect(selected(pictures, { every: 2, limit: 3 })).toEqual({ indices: [0, 2, 4], count: 3, last: 4 });
  expect(selected(pictures, {}, { index: 1, count: 2 })).toEqual({ indices: [4, 5, 6], count: 3, last: 6 });
  expect(() => selected(pictures, { from: 1 })).toThrow('expected a video for --from and --to');
});

// A clip prepared for adaptation against its formulas, on frames that move by whole pixels: consensus, shots, feeds, judgement.
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { framePlanes, prepareClip, renewTargets } from '#src/adapt/clip.js';
import { closeClipFiles, type PreparedClip } from '#src/adapt/clipFiles.js';
import { judge } from '#src/adapt/judge.js';
import { pairFeeds } from '#src/adapt/pairFeeds.js';
import type { Predictor } from '#src/adapt/predictor.js';
import { regionWeights } from '#src/adapt/regions.js';
import type { FlowSource } from '#src/flow/source.js';
import { openFrames } from '#src/media/frames.js';
import { writePicture } from '#src/media/pictures.js';
import { createRandom } from '#src/tensor/random.js';

const [height, width, classes] = [3, 12, 3];
const pixels = height * width;
const folder = mkdtempSync(join(tmpdir(), 'steadyseg-clip-'));
const [first, second] = [join(folder, 'first'), join(folder, 'second')];
/** Shots: numbers that go on, others of the same folder, another input. */
const shots = [
  { folder: first, number: 0, count: 7 },
  { folder: first, number: 30, count: 3 },
  { folder: second, number: 0, count: 2 },
] as const;
/** The shot of each frame. */
const shotOf = shots.flatMap(({ count }, k) => Array<number>(count).fill(k));
const count = shotOf.length;

/** What the network says of frame t: bytes, drawn. */
const random = createRandom(11);
const said = Array.from({ length: count }, () =>
  Uint8Array.from({ length: pixels * classes }, () => random.integer(256)),
);

/** Every point moves one pixel to the right from frame to frame. */
const flow: FlowSource = {
  name: 'one to the right',
  concurrency: 1,
  flow: async (_, direction) => ({
    ...{ height, width },
    data: Float32Array.from({ length: 2 * pixels }, (_, i) => (i % 2 === 1 ? 0 : direction === 'forward' ? 1 : -1)),
  }),
  check: async () => {},
  close: async () => {},
};

/** The number of a frame is its red. */
const predictor: Predictor = { run: async (planes) => said[planes[0]], close: async () => {} };

let clip: PreparedClip;
beforeAll(async () => {
  for (const [t, shot] of shotOf.entries()) {
    const data = Uint8Array.from({ length: 3 * pixels }, (_, at) => (at % 3 === 0 ? t : at % 251));
    const number = shots[shot].number + t - shotOf.indexOf(shot);
    await writePicture(join(shots[shot].folder, `${number}`.padStart(2, '0').concat('.png')), { height, width, data });
  }
  const sources = await Promise.all([first, second].map((input) => openFrames(input)));
  clip = await prepareClip({
    ...{ sources, height, width, classes, flow, predictor, temperature: 0.5, folder: join(folder, 'work') },
    threads: 3,
  });
});
afterAll(async () => {
  await closeClipFiles(clip.files);
  rmSync(folder, { recursive: true });
});

/** The sum of what frames of the same shot that show the point say of it, squared and divided by their sum. */
function expectedTargets(t: number, from = said): number[] {
  return Array.from({ length: pixels }, (_, pixel) => {
    const sums = [0, 0, 0];
    for (let other = t - 4; other <= t + 4; other++) {
      if (shotOf[other] !== shotOf[t]) continue;
      const x = (pixel % width) + other - t;
      if (x < 0 || x >= width) continue;
      for (let c = 0; c < classes; c++) sums[c] += from[other][(pixel + other - t) * classes + c];
    }
    const squares = sums.map((sum) => sum * sum);
    const total = squares.reduce((a, b) => a + b, 0);
    return squares.map((square) => (255 * square) / total);
  }).flat();
}

describe('a prepared clip', () => {
  it('has the consensus of every frame with four on either side of the same shot', async () => {
    expect([clip.count, clip.pairs]).toEqual([count, [0, 1, 2, 3, 4, 5, 7, 8, 10]]);
    const sums = [0, 0, 0];
    for (let t = 0; t < count; t++) {
      const expected = expectedTargets(t);
      const found = await clip.files.targets.read(t);
      expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i])))).toBeLessThanOrEqual(1);
      const labels = await clip.files.consensus.read(t);
      expect(await clip.files.pixelWeights.read(t)).toEqual(regionWeights(labels, { height, width }));
      for (let pixel = 0; pixel < pixels; pixel++) {
        const of = expected.slice(classes * pixel, classes * (pixel + 1));
        expect(of[labels[pixel]]).toBeCloseTo(Math.max(...of), 2);
      }
      for (const [i, value] of found.entries()) sums[i % classes] += value;
    }
    expect(clip.targetSums).toEqual(sums);
  });

  it('knows what the next frame hides, and takes pairs that share too little apart', async () => {
    const hidden = await clip.files.hidden.read(0);
    expect([...hidden].map((value) => value > 0)).toEqual(
      Array.from({ length: pixels }, (_, i) => i % width === width - 1),
    );
    const away: FlowSource = {
      ...flow,
      flow: async (pair, direction) => {
        const one = await flow.flow(pair, direction);
        return { ...one, data: one.data.map((value) => value * (pair.first.stem === '03' ? 9 : 1)) };
      },
    };
    const apart = await prepareClip({
      ...{ sources: [await openFrames(first)], height, width, classes, flow: away, predictor, temperature: 0.5 },
      folder: join(folder, 'apart'),
    });
    await closeClipFiles(apart.files);
    expect([apart.pairs, apart.cuts]).toEqual([[0, 1, 2, 4, 5, 7, 8], [3]]);
  });

  it('forms the consensus of a stretch in several threads as of all of it in one', async () => {
    const sources = await Promise.all([first, second].map((input) => openFrames(input)));
    const window = { from: 2, to: 10 };
    for (const reach of [4, 2]) {
      const options = { sources, height, width, classes, flow, predictor, temperature: 0.5, reach };
      const whole = await prepareClip({ ...options, threads: 1, folder: join(folder, `whole-${reach}`) });
      const part = await prepareClip({ ...options, threads: 2, window, folder: join(folder, `part-${reach}`) });
      const sums = [0, 0, 0];
      for (let t = window.from; t < window.to; t++) {
        const targets = await part.files.targets.read(t);
        expect([t, targets]).toEqual([t, await whole.files.targets.read(t)]);
        expect(await part.files.consensus.read(t)).toEqual(await whole.files.consensus.read(t));
        expect(await part.files.pixelWeights.read(t)).toEqual(await whole.files.pixelWeights.read(t));
        for (const [i, value] of targets.entries()) sums[i % classes] += value;
      }
      expect(part.targetSums).toEqual(sums);
      for (const { files } of [whole, part]) await closeClipFiles(files);
    }
  });

  it('ends its threads at a signal, with what a listener throws, and with what cannot be read', async () => {
    const forming = (name: string, options: Partial<Parameters<typeof prepareClip>[0]>) =>
      openFrames(first).then((source) =>
        prepareClip({
          ...{ sources: [source], height, width, classes, flow, predictor, temperature: 0.5, threads: 2 },
          ...{ folder: join(folder, name), ...options },
        }),
      );
    const stop = new AbortController();
    const reason = new Error('that is enough');
    const aborting = forming('aborted', {
      signal: stop.signal,
      onFrame: (_, stage) => stage === 'consensus' && stop.abort(reason),
    });
    await expect(aborting).rejects.toBe(reason);
    const refusing = forming('refused', {
      onFrame(_, stage) {
        if (stage === 'consensus') throw reason;
      },
    });
    await expect(refusing).rejects.toBe(reason);
    const broken = join(folder, 'broken', 'probabilities.bin');
    const truncating = forming('broken', {
      onFrame: (done, stage) => stage === 'frames' && done === 10 && truncateSync(broken, 9),
    });
    await expect(truncating).rejects.toThrow(/broken.probabilities\.bin: expected record \d of/);
  });

  it('feeds a step with a pair as it is', async () => {
    const feeds = await pairFeeds(clip, 2, false);
    expect(feeds.image.data).toEqual(await clip.files.frames.read(2));
    expect(feeds.neighbour.data).toEqual(await clip.files.frames.read(3));
    expect(feeds['targets.frame'].data).toEqual(await clip.files.targets.read(2));
    expect(feeds['targets.neighbour'].data).toEqual(await clip.files.targets.read(3));
    expect(feeds.flow.data).toEqual(Float32Array.from({ length: 2 * pixels }, (_, i) => (i < pixels ? 1 : 0)));
    const seen = Array.from({ length: pixels }, (_, i) => (i % width === width - 1 ? 0 : 1));
    expect([...feeds.flowValid.data]).toEqual(seen);
  });

  it('feeds it mirrored with everything mirrored: pixels, targets, what is hidden, and the way that points move', async () => {
    const [as, mirrored] = [await pairFeeds(clip, 2, false), await pairFeeds(clip, 2, true)];
    const other = (i: number) => Math.floor(i / width) * width + (width - 1 - (i % width));
    for (const name of ['image', 'neighbour', 'flowValid']) {
      expect([...mirrored[name].data]).toEqual([...as[name].data.keys()].map((i) => as[name].data[other(i)]));
    }
    for (const name of ['targets.frame', 'targets.neighbour']) {
      const at = (i: number) => other(Math.floor(i / classes)) * classes + (i % classes);
      expect([...mirrored[name].data]).toEqual([...as[name].data.keys()].map((i) => as[name].data[at(i)]));
    }
    expect(mirrored.flow.data).toEqual(Float32Array.from({ length: 2 * pixels }, (_, i) => (i < pixels ? -1 : 0)));
  });

  it('feeds how much pixels count by the regions of each frame, and judges which are lost', async () => {
    const size = { height: 40, width: 60 };
    const records = (bytes: number, fill = (_: Uint8Array, _t: number) => {}) => ({
      async read(t: number) {
        const content = new Uint8Array(bytes * size.height * size.width);
        fill(content, t);
        return content;
      },
      write: async () => {},
      close: async () => {},
    });
    // A square of 4×4 pixels in the upper left, further to the right at each frame.
    const consensus = records(1, (labels, t) => {
      for (let y = 0; y < 4; y++) labels.fill(1, y * size.width + t, y * size.width + t + 4);
    });
    const pixelWeights = {
      ...consensus,
      read: async (t: number) => Uint8Array.from(regionWeights(await consensus.read(t), size)),
    };
    const files = { ...clip.files, frames: records(3), targets: records(classes), consensus, pixelWeights };
    const made = { ...clip, ...size, files: { ...files, forward: records(8), hidden: records(1) } };
    const counting = async (name: string, mirrored: boolean) => {
      const feeds = await pairFeeds(made, 5, mirrored);
      return [...feeds[`pixelWeights.${name}`].data.subarray(0, size.width)].flatMap((value, x) =>
        Number(value) === 16 ? [] : [[x, Number(value)]],
      );
    };
    // The root of 24 pixels by 16, times 16.
    const at = (...columns: number[]) => columns.map((x) => [x, 20]);
    expect(await counting('frame', false)).toEqual(at(5, 6, 7, 8));
    expect(await counting('neighbour', false)).toEqual(at(6, 7, 8, 9));
    expect(await counting('frame', true)).toEqual(at(51, 52, 53, 54));
    expect(await counting('neighbour', true)).toEqual(at(50, 51, 52, 53));
    // The judgement counts the square where the network as it came saw it: lost with labels that have none.
    const lost = async (square: number) => {
      const probabilities = records(classes, (bytes) => {
        for (let i = 0; i < size.height * size.width; i++) bytes[classes * i] = 255;
        for (let y = 0; y < 4; y++) {
          for (let x = 5; x < 9; x++) bytes[classes * (y * size.width + x) + square] = 255;
          if (square > 0) for (let x = 5; x < 9; x++) bytes[classes * (y * size.width + x)] = 0;
        }
      });
      const none = { run: async () => new Uint8Array(size.height * size.width), close: async () => {} };
      return (await judge({ ...made, files: { ...made.files, probabilities } }, none, [5], { pairs: [] })).regions;
    };
    expect(await lost(1)).toEqual({ seen: [1, 1, 0], lost: [0, 1, 0] });
    expect(await lost(0)).toEqual({ seen: [1, 0, 0], lost: [0, 0, 0] });
  });

  it('judges labels by their steadiness along the flow, the consensus, and what the original was sure of', async () => {
    const frames = [0, 1, 2, 3];
    const drawn = createRandom(3);
    const given = frames.map(() => Uint8Array.from({ length: pixels }, () => drawn.integer(classes)));
    const changes: (number | undefined)[] = [];
    const judged = await judge(clip, { run: async (planes) => given[planes[0]], close: async () => {} }, frames, {
      onFrame: (frame) => {
        changes.push(frame.changes);
      },
    });
    let [kept, seen, sure, still, agreeing] = [0, 0, 0, 0, 0];
    const [own, other] = [
      [0, 0, 0],
      [0, 0, 0],
    ];
    // By class: pixels of it in both of a pair, and in either.
    const [both, either] = [
      [0, 0, 0],
      [0, 0, 0],
    ];
    const changed: (number | undefined)[] = [undefined];
    for (const t of frames) {
      const consensus = await clip.files.consensus.read(t);
      let moved = 0;
      for (let i = 0; i < pixels; i++) {
        own[given[t][i]]++;
        other[consensus[i]]++;
        if (given[t][i] === consensus[i]) agreeing++;
        const scores = [...said[t].subarray(classes * i, classes * (i + 1))];
        if (Math.max(...scores) >= 230) {
          sure++;
          if (scores.indexOf(Math.max(...scores)) === given[t][i]) still++;
        }
        if (t === 3 || i % width === width - 1) continue;
        seen++;
        const [now, next] = [given[t][i], given[t + 1][i + 1]];
        either[now]++;
        if (now === next) {
          kept++;
          both[now]++;
        } else {
          moved++;
          either[next]++;
        }
      }
      if (t < 3) changed.push(moved);
    }
    const share = (value: number) => value / (4 * pixels);
    expect(judged.steady).toBeCloseTo(kept / seen, 12);
    expect(judged.agreement).toBeCloseTo(still / sure, 12);
    expect(judged.consensus).toBeCloseTo(share(agreeing), 12);
    expect(judged.sharesApart).toBeCloseTo(
      own.reduce((sum, value, c) => sum + Math.abs(share(value) - share(other[c])), 0) / 2,
      12,
    );
    expect(judged.tc).toBeCloseTo(both.reduce((sum, value, c) => sum + value / either[c], 0) / classes, 12);
    expect([judged.frames, judged.pairs, changes]).toEqual([4, 3, changed]);
  });

  it('gives frames at the size of the network, as planes', () => {
    const data = Uint8Array.from({ length: 3 * 4 * 2 }, (_, i) => 10 * i);
    const planes = framePlanes({ height: 2, width: 4, data }, { height: 2, width: 4 });
    expect([...planes.subarray(0, 4)]).toEqual([0, 30, 60, 90]);
    expect([...planes.subarray(8, 12)]).toEqual([10, 40, 70, 100]);
    // Half as wide: the mean of two neighbours.
    const half = framePlanes({ height: 2, width: 4, data }, { height: 2, width: 2 });
    expect([...half.subarray(0, 2)]).toEqual([15, 75]);
    expect([...half.subarray(4, 6)]).toEqual([25, 85]);
  });

  it('may have targets of what a network says by now, together with what it said as it came', async () => {
    const now = said.map((bytes) => bytes.map((value, i) => (value * 7 + i) % 256));
    const mean = said.map((bytes, t) => bytes.map((value, i) => Math.round((value + now[t][i]) / 2)));
    const [targets, consensus] = [await clip.files.targets.read(5), await clip.files.consensus.read(5)];
    const learnt: Predictor = { run: async (planes) => now[planes[0]], close: async () => {} };
    const done: number[] = [];
    const renewed = await renewTargets(clip, learnt, {
      temperature: 0.5,
      threads: 2,
      onFrame: (frame) => done.push(frame),
    });
    const sums = [0, 0, 0];
    for (let t = 0; t < count; t++) {
      const found = await renewed.files.targets.read(t);
      const expected = expectedTargets(t, mean);
      expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i])))).toBeLessThanOrEqual(1);
      for (const [i, value] of found.entries()) sums[i % classes] += value;
    }
    expect([renewed.targetSums, renewed.pairs, done]).toEqual([
      sums,
      clip.pairs,
      Array.from({ length: 2 * count }, (_, at) => at + 1),
    ]);
    // What another training begins with, and all are judged by, is of the network as it came.
    expect(await clip.files.targets.read(5)).toEqual(targets);
    expect(await clip.files.consensus.read(5)).toEqual(consensus);
    expect(await clip.files.probabilities.read(5)).toEqual(said[5]);
  });
});

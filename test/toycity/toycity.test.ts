import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { folderFlow } from '#src/flow/folder.js';
import { presetClasses } from '#src/media/classes.js';
import { openFrames } from '#src/media/frames.js';
import type { LabelMap } from '#src/media/image.js';
import { readLabelMap } from '#src/media/labels.js';
import type { Camera } from '#src/toycity/camera.js';
import { plain } from '#src/toycity/materials.js';
import { motionBetween } from '#src/toycity/motion.js';
import { createNoise } from '#src/toycity/noise.js';
import { createClipRenderer, renderClip } from '#src/toycity/render.js';
import { createSceneBuilder } from '#src/toycity/scene.js';
import { type Pose, poseAt, type Vector3 } from '#src/toycity/vector.js';
import { createViewBuffers, drawView } from '#src/toycity/view.js';
import { toyCityClipSeed, writeToyCity } from '#src/toycity/write.js';

const [height, width] = [96, 192];

describe('a clip', () => {
  it('is the same for the same seed, whatever was rendered before, and another for another seed', () => {
    const options = { seed: 11, frames: 6, height: 48, width: 96 };
    const inOrder = [...renderClip(options)];
    const again = createClipRenderer(options);
    for (const t of [5, 0, 3]) {
      const { image, labels, toNext } = again.frame(t, { toNext: true });
      expect(same(image.data, inOrder[t].image.data)).toBe(true);
      expect(same(labels.data, inOrder[t].labels.data)).toBe(true);
      expect(same(toNext?.flow.data, inOrder[t].toNext?.flow.data)).toBe(true);
    }
    const other = createClipRenderer({ ...options, seed: 12 }).frame(0);
    expect(same(other.image.data, inOrder[0].image.data)).toBe(false);
  });

  it('does not change its geometry with motion blur, which smears moving pictures', () => {
    const sharp = createClipRenderer({ seed: 3, frames: 4, height, width }).frame(2);
    const blurred = createClipRenderer({ seed: 3, frames: 4, height, width, motionBlur: 0.8 }).frame(2);
    expect(same(blurred.labels.data, sharp.labels.data)).toBe(true);
    expect(same(blurred.image.data, sharp.image.data)).toBe(false);
    expect(blurred.toNext).toBeUndefined();
  });

  it('refuses sizes and counts that cannot be', () => {
    const good = { seed: 1, frames: 2, height: 64, width: 64 };
    expect(() => createClipRenderer({ ...good, width: 8 })).toThrow(/expected a width of 16 to 4096 pixels, found 8/);
    expect(() => createClipRenderer({ ...good, frames: 0 })).toThrow(/expected 1 to 10000 frames/);
    expect(() => createClipRenderer({ ...good, motionBlur: 2 })).toThrow(/motion blur of 0 to 1, found 2/);
  });

  it('shows all 19 classes and things of none over a few clips', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 8; seed++) {
      const renderer = createClipRenderer({ seed, frames: 60, height: 96, width: 192 });
      for (const t of [0, 30, 59]) for (const id of renderer.frame(t).labels.data) seen.add(id);
    }
    const { classes, ignoreLabel } = presetClasses('toycity');
    expect([...seen].sort((a, b) => a - b)).toEqual([...classes.keys(), ignoreLabel]);
  });
});

describe('flow', () => {
  it('carries labels onto the neighbour’s, both ways, wherever the point is visible', () => {
    for (const seed of [1, 4, 9]) {
      const renderer = createClipRenderer({ seed, frames: 30, height, width });
      const [a, b] = [renderer.frame(12, { toNext: true }), renderer.frame(13, { toPrevious: true })];
      for (const [from, to, motion] of [
        [a, b, a.toNext],
        [b, a, b.toPrevious],
      ] as const) {
        if (!motion) throw new Error('expected motion');
        let [visible, different, inner, innerDifferent] = [0, 0, 0, 0];
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const i = y * width + x;
            if (motion.hidden.data[i] !== 0) continue;
            const toX = Math.round(x + motion.flow.data[2 * i]);
            const toY = Math.round(y + motion.flow.data[2 * i + 1]);
            const agrees = from.labels.data[i] === to.labels.data[toY * width + toX];
            visible++;
            if (!agrees) different++;
            // Rounding to a pixel may cross an outline; away from outlines nothing may differ.
            if (nearOutline(from.labels, x, y) || nearOutline(to.labels, toX, toY)) continue;
            inner++;
            if (!agrees) innerDifferent++;
          }
        }
        expect(visible / (width * height)).toBeGreaterThan(0.85);
        expect(different / visible).toBeLessThan(0.04);
        expect(inner / visible).toBeGreaterThan(0.7);
        expect(innerDifferent / inner).toBeLessThan(2e-4);
      }
    }
  });

  it('there and back again ends where it began, on visible faces', () => {
    const renderer = createClipRenderer({ seed: 6, frames: 30, height, width });
    const there = renderer.motion(10, 11);
    const back = renderer.motion(11, 10);
    const { labels } = renderer.frame(10);
    let [count, far] = [0, 0];
    for (let y = 2; y < height - 2; y++) {
      for (let x = 2; x < width - 2; x++) {
        const i = y * width + x;
        if (there.hidden.data[i] !== 0 || nearOutline(labels, x, y)) continue;
        const toX = x + there.flow.data[2 * i];
        const toY = y + there.flow.data[2 * i + 1];
        const [x0, y0] = [Math.floor(toX), Math.floor(toY)];
        if (x0 < 0 || y0 < 0 || x0 >= width - 1 || y0 >= height - 1) continue;
        const [fx, fy] = [toX - x0, toY - y0];
        const sample = (channel: number) => {
          const at = (dx: number, dy: number) => back.flow.data[2 * ((y0 + dy) * width + x0 + dx) + channel];
          return (1 - fy) * ((1 - fx) * at(0, 0) + fx * at(1, 0)) + fy * ((1 - fx) * at(0, 1) + fx * at(1, 1));
        };
        count++;
        if (Math.hypot(toX + sample(0) - x, toY + sample(1) - y) > 0.1) far++;
      }
    }
    expect(count).toBeGreaterThan(0.6 * width * height);
    expect(far / count).toBeLessThan(0.01);
  });

  it('is the formula’s for a wall and a moved camera', () => {
    const scene = createSceneBuilder();
    const distance = 10;
    const points: Vector3[] = [
      [-50, -50, distance],
      [50, -50, distance],
      [50, 50, distance],
      [-50, 50, distance],
    ];
    scene.face(points, [0, 0, distance + 1], { body: 0, material: plain([1, 1, 1]), trainId: 2 });
    const move: Vector3 = [0.5, 0.2, 1.5];
    const camera = (pose: (frame: number) => Pose): Camera => ({
      width: 64,
      height: 32,
      focal: 50,
      centerX: 31.5,
      centerY: 15.5,
      pose,
    });
    // Camera y points down, the world's up.
    const flipped = (position: Vector3) => poseAt(position, 0).map((value, k) => (k % 4 === 1 ? -value : value));
    const eye = camera((frame) => flipped([frame * move[0], frame * move[1], frame * move[2]]));
    const noise = createNoise(1);
    const views = [0, 1].map((t) => drawView(scene, eye, t, noise, createViewBuffers(64, 32, 1)));
    const { flow, hidden } = motionBetween(scene, views[0], views[1]);
    for (const [x, y] of [
      [0, 0],
      [31, 15],
      [63, 31],
      [10, 25],
    ]) {
      const i = y * 64 + x;
      const worldX = ((x - 31.5) / 50) * distance - move[0];
      const down = ((y - 15.5) / 50) * distance + move[1];
      const [toX, toY] = [31.5 + (50 * worldX) / (distance - move[2]), 15.5 + (50 * down) / (distance - move[2])];
      expect(flow.data[2 * i]).toBeCloseTo(toX - x, 4);
      expect(flow.data[2 * i + 1]).toBeCloseTo(toY - y, 4);
      const leaves = toX < -0.5 || toY < -0.5 || toX >= 63.5 || toY >= 31.5;
      expect(hidden.data[i]).toBe(leaves ? 255 : 0);
    }
  });

  it('hides what a nearer wall moves over', () => {
    const scene = createSceneBuilder();
    const wall = (left: number, right: number, z: number, body: number, trainId: number) => {
      const points: Vector3[] = [
        [left, -90, z],
        [right, -90, z],
        [right, 90, z],
        [left, 90, z],
      ];
      scene.face(points, [0, 0, z + 1], { body, material: plain([1, 1, 1]), trainId });
    };
    wall(-90, 90, 20, 0, 2);
    // At z = 5 one metre is 10 pixels: the near wall covers x < 21.5 and then x < 31.5.
    const mover = scene.body((frame) => poseAt([frame, 0, 0], 0));
    wall(-90, -1, 5, mover, 3);
    const still = poseAt([0, 0, 0], 0).map((value, k) => (k % 4 === 1 ? -value : value));
    const camera: Camera = { width: 64, height: 4, focal: 50, centerX: 31.5, centerY: 1.5, pose: () => still };
    const noise = createNoise(1);
    const views = [0, 1].map((t) => drawView(scene, camera, t, noise, createViewBuffers(64, 4, 2)));
    const { flow, hidden } = motionBetween(scene, views[0], views[1]);
    const row = 64;
    expect([...hidden.data.subarray(row, row + 64)]).toEqual(
      Array.from({ length: 64 }, (_, x) => (x > 21.5 && x < 31.5 ? 255 : 0)),
    );
    expect(flow.data[2 * (row + 5)]).toBeCloseTo(10, 5);
    expect(flow.data[2 * (row + 60)]).toBeCloseTo(0, 5);
  });
});

describe('the dataset', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  const folder = async () => {
    folders.push(await mkdtemp(join(tmpdir(), 'steadyseg-toycity-')));
    return folders[folders.length - 1];
  };
  const options = { clips: 3, valClips: 1, frames: 3, height: 32, width: 64, seed: 5 };

  it('lies in the Cityscapes layout, byte for byte the same from one thread or two', async () => {
    const [one, two] = [await folder(), await folder()];
    const result = await writeToyCity({ ...options, out: one, threads: 1 });
    await writeToyCity({ ...options, out: two, threads: 2 });
    expect(result.frames).toBe(9);
    const files = (await readdir(one, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(one.length + 1));
    // A picture and a label map a frame; flow and occlusion in both directions a pair; the manifest.
    expect(files).toHaveLength(9 * 2 + 3 * 2 * 4 + 1);
    for (const file of files) {
      expect(same(await readFile(join(one, file)), await readFile(join(two, file))), file).toBe(true);
    }

    const stem = 'toytown_000001_000002';
    const labels = await readLabelMap(join(one, `gtFine/train/toytown/${stem}_gtFine_labelTrainIds.png`));
    const clip = { seed: toyCityClipSeed(5, 'train', 1), frames: 3, height: 32, width: 64 };
    expect(labels).toEqual(createClipRenderer(clip).frame(2).labels);

    const frames = await openFrames(join(one, 'leftImg8bit_sequence/val/toyville'));
    expect(frames.clips.map(({ count }) => count)).toEqual([3]);
    const flow = await folderFlow(join(one, 'flow/val/toyville'));
    await flow.check(frames.stems?.slice(0, 2) ?? [], ['forward', 'backward']);
  });

  it('refuses a folder that holds another toy city', async () => {
    const out = await folder();
    await writeToyCity({ ...options, clips: 1, valClips: 0, frames: 1, out });
    await writeToyCity({ ...options, clips: 1, valClips: 0, frames: 1, out });
    await expect(writeToyCity({ ...options, clips: 1, valClips: 0, frames: 1, seed: 6, out })).rejects.toThrow(
      /toycity\.json: expected no toy city or one of the same options/,
    );
    await expect(writeToyCity({ ...options, clips: 1, valClips: 2, out })).rejects.toThrow(/found 2/);
  });

  it('replaces no other file, and takes what is as it would write it', async () => {
    const out = await folder();
    const small = { ...options, clips: 1, valClips: 0, frames: 1, out };
    await writeToyCity(small);
    const path = join(out, 'gtFine/train/toytown/toytown_000000_000000_gtFine_labelTrainIds.png');
    const whole = await readFile(path);
    const { ino } = await stat(path);
    await writeToyCity(small);
    expect((await stat(path)).ino).toBe(ino);
    for (const put of [() => writeFile(path, 'mine'), () => symlink('elsewhere', path)]) {
      await rm(path);
      await put();
      await expect(writeToyCity(small)).rejects.toThrow(`${path}: expected no file or one that an earlier run wrote`);
    }
    await writeToyCity({ ...small, overwrite: true });
    expect(await readFile(path)).toEqual(whole);
  });

  it('names the file that cannot be written, and is finished by the same options only', async () => {
    const out = await folder();
    const small = { ...options, clips: 1, valClips: 0, frames: 1, out };
    const place = join(out, 'gtFine', 'train');
    await mkdir(join(out, 'gtFine'));
    await writeFile(place, '');
    const thrown = await writeToyCity(small).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(SteadysegError);
    expect(String(thrown)).toMatch(/cannot write .*gtFine.train.toytown.*: a part of the path is not a directory/);
    await rm(place);
    await expect(writeToyCity({ ...small, seed: 6 })).rejects.toThrow(/one of other options, perhaps unfinished/);
    await writeToyCity(small);
    expect((await readdir(out)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('refuses a second one into the same folder at the same time', async () => {
    const out = await folder();
    const small = { ...options, clips: 1, valClips: 0, frames: 1, out };
    const results = await Promise.allSettled([writeToyCity(small), writeToyCity({ ...small, seed: 6 })]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

/** Whether two arrays have the same bytes (`toEqual` on many numbers takes seconds). */
function same(a: Uint8Array | Float32Array | undefined, b: Uint8Array | Float32Array | undefined): boolean {
  const bytes = (data: Uint8Array | Float32Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return a !== undefined && b !== undefined && bytes(a).equals(bytes(b));
}

/** Whether a pixel touches another label or the picture's edge. */
function nearOutline({ width, height, data }: LabelMap, x: number, y: number): boolean {
  for (let dy = -1; dy <= 1; dy++) {
    for (let dx = -1; dx <= 1; dx++) {
      const [nx, ny] = [x + dx, y + dy];
      if (nx < 0 || ny < 0 || nx >= width || ny >= height) return true;
      if (data[ny * width + nx] !== data[y * width + x]) return true;
    }
  }
  return false;
}

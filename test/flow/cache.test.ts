import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cachedFlow, defaultFlowCacheFolder } from '#src/flow/cache.js';
import { type FlowSource, flowFrame } from '#src/flow/source.js';
import { frameOf, texture } from './frames.js';

const folder = mkdtempSync(join(tmpdir(), 'flow-cache-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A source that counts its calls, and says the direction in u. */
function countingSource(name = 'counting'): FlowSource & { calls: number } {
  return {
    name,
    calls: 0,
    concurrency: 1,
    async flow(_, direction) {
      this.calls++;
      const u = direction === 'forward' ? 1 : -1;
      return { width: 2, height: 1, data: Float32Array.of(u, 0, u, 0) };
    },
    async check() {},
    async close() {},
  };
}

const entries = (cache: string) =>
  readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.flo'));
const pair = () => ({ first: frameOf('a', texture(4, 4)), second: frameOf('b', texture(4, 4, 1)) });

it('computes nothing the second time, also in another process and under other stems', async () => {
  const cache = join(folder, 'twice');
  const source = countingSource();
  const first = cachedFlow(source, { folder: cache });
  expect(first.name).toBe('counting');
  const forward = await first.flow(pair(), 'forward');
  await first.flow(pair(), 'backward');
  expect(first.counts()).toEqual({ cached: 0, computed: 2 });
  const second = cachedFlow(source, { folder: cache });
  const renamed = { first: { ...pair().first, stem: 'x' }, second: pair().second };
  expect(await second.flow(renamed, 'forward')).toEqual(forward);
  expect((await second.flow(renamed, 'backward')).data[0]).toBe(-1);
  expect(second.counts()).toEqual({ cached: 2, computed: 0 });
  expect(source.calls).toBe(2);
  expect(entries(cache).length).toBe(2);
});

it('knows flow by both frames and by the source', async () => {
  const cache = join(folder, 'keys');
  const { first, second } = pair();
  const others = [
    { first, second: frameOf('b', texture(4, 4, 2)) },
    { first: frameOf('a', texture(4, 4, 2)), second },
    { first: frameOf('a', { ...texture(4, 4), width: 2, height: 8 }), second },
  ];
  const cached = cachedFlow(countingSource(), { folder: cache });
  for (const one of [{ first, second }, ...others]) await cached.flow(one, 'forward');
  await cachedFlow(countingSource('another'), { folder: cache }).flow({ first, second }, 'forward');
  expect(cached.counts().computed).toBe(4);
  expect(entries(cache).length).toBe(5);
});

it('computes damaged entries anew and replaces them', async () => {
  const cache = join(folder, 'damaged');
  const source = countingSource();
  await cachedFlow(source, { folder: cache }).flow(pair(), 'forward');
  const entry = join(cache, entries(cache)[0]);
  const whole = readFileSync(entry);
  for (const damage of [() => truncateSync(entry, 15), () => writeFileSync(entry, 'nothing of the kind')]) {
    damage();
    const cached = cachedFlow(source, { folder: cache });
    expect((await cached.flow(pair(), 'forward')).data[0]).toBe(1);
    expect(cached.counts().computed).toBe(1);
    expect(Buffer.compare(readFileSync(entry), whole)).toBe(0);
  }
});

it('knows a frame that is a file without decoding it', async () => {
  const path = join(folder, 'frame.png');
  const undecodable = (stem: string) => flowFrame(stem, () => Promise.reject(new Error('decoded')), path);
  const source = countingSource();
  for (const content of ['one', 'one', 'two']) {
    writeFileSync(path, content);
    await cachedFlow(source, { folder: join(folder, 'files') }).flow(
      { first: undecodable('a'), second: undecodable('b') },
      'forward',
    );
  }
  expect(source.calls).toBe(2);
});

it('goes on without a cache that cannot be written, and says so once', async () => {
  const blocked = join(folder, 'blocked');
  writeFileSync(blocked, '');
  const warnings: string[] = [];
  const cached = cachedFlow(countingSource(), { folder: blocked, onWarning: (message) => warnings.push(message) });
  await cached.flow(pair(), 'forward');
  await cached.flow(pair(), 'backward');
  expect(cached.counts().computed).toBe(2);
  expect(warnings).toEqual([expect.stringContaining(`flow is no longer cached in ${blocked}`)]);
});

it('lies in the folder for caches', () => {
  expect(defaultFlowCacheFolder()).toMatch(/steadyseg.flow$/);
});

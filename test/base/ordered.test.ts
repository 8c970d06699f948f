import { describe, expect, it } from 'vitest';
import { mapOrdered } from '#src/base/ordered.js';

async function* count(until: number, onEnd?: () => void): AsyncGenerator<number> {
  try {
    for (let i = 0; i < until; i++) yield i;
  } finally {
    onEnd?.();
  }
}

const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('ordered work', () => {
  it('keeps the order whatever finishes first, and never exceeds its limit', async () => {
    let underWay = 0;
    let most = 0;
    const work = async (i: number) => {
      most = Math.max(most, ++underWay);
      await later((i * 7) % 5);
      underWay--;
      return i * i;
    };
    const results: number[] = [];
    for await (const result of mapOrdered(count(20), 3, work)) results.push(result);
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i * i));
    expect(most).toBe(3);
  });

  it('reads no further than the consumer takes', async () => {
    let read = 0;
    const source = async function* () {
      for (let i = 0; i < 1000; i++) {
        read++;
        yield i;
      }
    };
    for await (const result of mapOrdered(source(), 4, async (i) => i)) if (result === 9) break;
    expect(read).toBeLessThanOrEqual(10 + 4);
  });

  it('reports a failure in its turn, after what came before, and closes the source', async () => {
    let closed = false;
    const work = async (i: number) => {
      if (i === 2) throw new Error('third');
      await later(5);
      return i;
    };
    const results: number[] = [];
    const run = async () => {
      for await (const result of mapOrdered(
        count(9, () => (closed = true)),
        4,
        work,
      ))
        results.push(result);
    };
    await expect(run()).rejects.toThrow('third');
    expect(results).toEqual([0, 1]);
    expect(closed).toBe(true);
  });

  it('gives out what is under way when it is aborted', async () => {
    const abortion = new AbortController();
    const results: number[] = [];
    for await (const result of mapOrdered(count(100), 3, async (i) => i, abortion.signal)) {
      results.push(result);
      if (result === 4) abortion.abort();
    }
    expect(results.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(results.length).toBeLessThanOrEqual(5 + 3);
  });
});

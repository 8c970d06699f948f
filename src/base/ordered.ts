// Concurrent work on a list or stream, with results in its order and a bound on what is under way.

/**
 * The results of `work` on each item, in order. At most `limit` items are between being read and being taken by the
 * consumer, so memory is bounded however long the stream is. When `signal` aborts, nothing more is read; what is under
 * way is still given out.
 */
export async function* mapOrdered<Item, Result>(
  source: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
  signal?: AbortSignal,
): AsyncGenerator<Result, void, void> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const underWay: Promise<Result>[] = [];
  let ended = false;
  try {
    for (;;) {
      while (!ended && underWay.length < limit) {
        const next = signal?.aborted ? undefined : await iterator.next();
        if (!next || next.done) {
          ended = true;
        } else {
          const result = work(next.value);
          // A failure is reported when its turn comes; until then it must not count as unhandled.
          result.catch(() => {});
          underWay.push(result);
        }
      }
      const first = underWay.shift();
      if (!first) return;
      yield await first;
    }
  } finally {
    await Promise.allSettled(underWay);
    await iterator.return?.();
  }
}

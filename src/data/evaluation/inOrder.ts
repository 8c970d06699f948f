// Work on several items at a time, with the results in the order of the items.

/**
 * Calls `run` for each item, in order, with up to `concurrency` calls under way, and gives out the results in order.
 * After an error, or when the caller stops, it waits for what is under way.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  concurrency: number,
  run: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, void> {
  const underWay: Promise<Result>[] = [];
  const next = async () => await (underWay.shift() as Promise<Result>);
  try {
    for await (const item of items) {
      const result = run(item);
      // The error is thrown where the result is awaited.
      result.catch(() => {});
      underWay.push(result);
      if (underWay.length >= concurrency) yield await next();
    }
    while (underWay.length > 0) yield await next();
  } finally {
    await Promise.allSettled(underWay);
  }
}

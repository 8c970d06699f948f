// Ranks within one process, for tests: each waits until all have given their part.
import type { Collective } from '#src/collective/collective.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';

/** As many collectives as ranks; what each of them does must be begun before any is awaited. */
export function inProcessRanks(size: number): Collective[] {
  /** Gives every rank what all have given. */
  const exchange = <T>() => {
    let given: (T | undefined)[] = [];
    let settle: (all: T[]) => void = () => {};
    let all = new Promise<T[]>((resolve) => {
      settle = resolve;
    });
    return (rank: number, own: T): Promise<T[]> => {
      const result = all;
      given[rank] = own;
      if (Object.keys(given).length === size) {
        settle(given as T[]);
        given = [];
        all = new Promise((resolve) => {
          settle = resolve;
        });
      }
      return result;
    };
  };
  const arrays = exchange<Float32Array>();
  const texts = exchange<string>();
  const halves = exchange<Uint16Array<ArrayBuffer>>();
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    async sum(values) {
      const all = await arrays(rank, values.slice());
      for (let i = 0; i < values.length; i++) {
        let sum = all[0][i];
        for (const other of all.slice(1)) sum = Math.fround(sum + other[i]);
        values[i] = sum;
      }
    },
    async exchange(parts) {
      const part = parts.length / size;
      const all = await halves(rank, parts);
      return Uint16Array.from(all.flatMap((other) => [...other.subarray(rank * part, (rank + 1) * part)]));
    },
    async collect(values) {
      return Uint16Array.from((await halves(rank, values)).flatMap((other) => [...other]));
    },
    async share(values) {
      values.set((await arrays(rank, values.slice()))[0]);
    },
    gather: (text) => texts(rank, text),
    describe: (number) => `rank ${number}`,
    async close() {},
  }));
}

/** Samples r, r + R, … of every feed. */
export function partOf(whole: Readonly<Record<string, Tensor>>, { rank, size }: Collective): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(whole).map(([name, { dtype, shape, data }]) => {
      const [count, ...rest] = shape;
      const row = data.length / count;
      const own = Array.from(data as Float32Array).filter((_, i) => Math.floor(i / row) % size === rank);
      return [
        name,
        tensor(
          dtype,
          [count / size, ...rest],
          (data as Float32Array).constructor === Uint8Array ? Uint8Array.from(own) : Float32Array.from(own),
        ),
      ];
    }),
  );
}

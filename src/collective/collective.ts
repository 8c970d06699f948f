// What processes that train together do together: one interface, for one process alone or several over MPI.

/** The processes of a run ("ranks"), which all call the same functions in the same order. */
export interface Collective {
  /** Which one this is, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /** Replaces values, in place, by their sums over all ranks, which are the same bits on each. */
  sum(values: Float32Array<ArrayBuffer>): Promise<void>;
  /** Sends part r of so many equal parts to rank r. @returns what the ranks sent to this one, in their order. */
  exchange(parts: Uint16Array<ArrayBuffer>): Promise<Uint16Array<ArrayBuffer>>;
  /** What each rank gives, equally many values, in their order. */
  collect(values: Uint16Array<ArrayBuffer>): Promise<Uint16Array<ArrayBuffer>>;
  /** Replaces values, in place, by those of rank 0. */
  share(values: Float32Array<ArrayBuffer>): Promise<void>;
  /** What each rank gives, in their order. */
  gather(text: string): Promise<string[]>;
  /** A rank as messages name it, with its machine and process. */
  describe(rank: number): string;
  /** Ends the common work, once every rank does. A process that ends without ends the others, too. */
  close(): Promise<void>;
}

/** A process alone: everything is already as it should be. */
export const oneRank: Collective = {
  rank: 0,
  size: 1,
  async sum() {},
  exchange: async (parts) => parts,
  collect: async (values) => values,
  async share() {},
  gather: async (text) => [text],
  describe: () => 'this process',
  async close() {},
};

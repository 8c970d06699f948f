// Memory that is written again and again. What outlives a run keeps the garbage collector busy: with values that wait for a later
// run in new memory each time, a step of ranks that share their statistics took half as long again.

export interface MemoryPool {
  /** Memory of so many bytes, whatever lies in it. */
  take(bytes: number): ArrayBuffer;
  /** Takes memory back, which its former owner does not touch any more. */
  give(memory: ArrayBuffer): void;
}

export function createMemoryPool(): MemoryPool {
  const free = new Map<number, ArrayBuffer[]>();
  return {
    take: (bytes) => free.get(bytes)?.pop() ?? new ArrayBuffer(bytes),
    give(memory) {
      const others = free.get(memory.byteLength);
      if (others) others.push(memory);
      else free.set(memory.byteLength, [memory]);
    },
  };
}

// A worker thread of loader.ts: prepares one batch after another.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, SteadysegError } from '../base/errors.js';
import { type BatchArrays, type BatchPlan, buffersOf, prepareBatch } from './batch.js';
import { createDecoder, type Stored } from './decode.js';

/** A batch to prepare; `stored` is what other threads have decoded since the last task. */
export interface WorkerTask {
  readonly task: number;
  readonly plan: BatchPlan;
  readonly stored: readonly (readonly [key: string, stored: Stored])[];
  /** Memory of batches that are done with. */
  readonly spare: readonly ArrayBuffer[];
}

/** What a worker is told at its start: how many bytes of decoded pixels it may keep. */
export interface WorkerRoom {
  readonly bytes: number;
}

export interface WorkerResult {
  readonly task: number;
  readonly arrays?: BatchArrays;
  /** What went wrong, and whether it is a fault of the input (told without a stack trace). */
  readonly fault?: { readonly message: string; readonly ofInput: boolean };
  /** What was decoded and kept. */
  readonly decoded: readonly (readonly [key: string, stored: Stored])[];
  readonly milliseconds: number;
}

const known = new Map<string, Stored>();
let decoded: [string, Stored][] = [];
let room = (workerData as WorkerRoom).bytes;
const decoder = createDecoder({
  get: (key) => known.get(key),
  put(key, stored) {
    if (stored.buffer.byteLength > room || known.has(key)) return;
    room -= stored.buffer.byteLength;
    known.set(key, stored);
    decoded.push([key, stored]);
  },
});

/** Memory that came with the task. Batches of a run are of one size, so that its buffers fit, or are let go. */
let free: ArrayBuffer[] = [];
function allocate(bytes: number): ArrayBuffer {
  const at = free.findIndex((buffer) => buffer.byteLength === bytes);
  return at < 0 ? new ArrayBuffer(bytes) : free.splice(at, 1)[0];
}

// One batch at a time: the next message waits until the one before is answered.
let previous: Promise<void> = Promise.resolve();
parentPort?.on('message', (message: WorkerTask) => {
  previous = previous.then(() => answer(message));
});

async function answer({ task, plan, stored, spare }: WorkerTask): Promise<void> {
  const started = performance.now();
  for (const [key, value] of stored) known.set(key, value);
  decoded = [];
  free = spare.slice();
  let result: WorkerResult;
  const transfer: ArrayBuffer[] = [];
  try {
    const arrays = await prepareBatch(plan, decoder, allocate);
    transfer.push(...buffersOf(arrays));
    result = { task, arrays, decoded, milliseconds: performance.now() - started };
  } catch (thrown) {
    const fault = { message: messageOf(thrown), ofInput: thrown instanceof SteadysegError };
    result = { task, fault, decoded, milliseconds: performance.now() - started };
  }
  parentPort?.postMessage(result, transfer);
}

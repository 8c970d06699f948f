// Sessions in a worker of a browser: webWorker.ts holds them, and is sent what they are asked.
import { SteadysegError, UsageError } from '../base/errors.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Session, SessionOptions, ValueDescription } from './openSession.js';
import type { WebEngineOptions } from './webEngine.js';

/** What the worker is asked. */
export type WorkerRequest =
  | {
      readonly kind: 'open';
      readonly model: string | Uint8Array;
      readonly options: SessionOptions;
      readonly settings: WebEngineOptions;
    }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: Readonly<Record<string, Tensor>>;
      readonly outputNames: readonly string[] | undefined;
    }
  | { readonly kind: 'release'; readonly session: number };

/** A session of the worker, by its number. */
export interface OpenedSession {
  readonly session: number;
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
}

/** What the worker answers to the request of the same number. */
export type WorkerAnswer = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly message: string; readonly usage: boolean }
);

/** What is used here of a browser's worker; the compiler is told of Node's names alone. */
declare class Worker {
  constructor(address: URL, options: { type: 'module' });
  onmessage: (event: { readonly data: WorkerAnswer }) => void;
  onerror: (event: { readonly message?: string; preventDefault(): void }) => void;
  postMessage(message: WorkerRequest & { id: number }): void;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: Error) => void;
}

let worker: Worker | undefined;
let requests = 0;
const waiting = new Map<number, Waiting>();

/** Compiles a model in the worker, which is started with the first. @throws as `openSession`, and when the worker cannot be loaded. */
export async function createWorkerSession(
  model: string | Uint8Array,
  options: SessionOptions,
  settings: WebEngineOptions,
): Promise<Session> {
  const { session, inputs, outputs } = (await ask({
    ...{ kind: 'open', model, options },
    // An address means the same in the worker.
    settings: { ...settings, wasmPaths: settings.wasmPaths && new URL(settings.wasmPaths, pageAddress()).href },
  })) as OpenedSession;
  return {
    inputs,
    outputs,
    run: (feeds, outputNames) => ask({ kind: 'run', session, feeds, outputNames }) as Promise<Record<string, Tensor>>,
    release: () => ask({ kind: 'release', session }) as Promise<void>,
  };
}

function ask(request: WorkerRequest): Promise<unknown> {
  worker ??= startWorker();
  const id = ++requests;
  const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }));
  worker.postMessage({ ...request, id });
  return answer;
}

function startWorker(): Worker {
  // Bundlers know this form, and make a file of the worker.
  const started = new Worker(new URL('./webWorker.js', import.meta.url), { type: 'module' });
  started.onmessage = ({ data }) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('result' in data) asked?.resolve(data.result);
    else asked?.reject(new (data.usage ? UsageError : SteadysegError)(data.message));
  };
  started.onerror = (event) => {
    event.preventDefault();
    const reason = new SteadysegError(
      `the engine's worker: expected its script (runtime/webWorker.js of steadyseg) beside the program, found ${event.message || 'that it cannot be loaded'}; give it to the bundler, or leave worker out`,
    );
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
    // The next model tries again.
    worker = undefined;
  };
  return started;
}

function pageAddress(): string {
  const { document, location } = globalThis as unknown as {
    document?: { baseURI: string };
    location: { href: string };
  };
  return document?.baseURI ?? location.href;
}

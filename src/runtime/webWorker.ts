// The worker that holds sessions for a page: see workerSession.ts. Its script is loaded by the engine's own threads, too.
import * as build from 'onnxruntime-web/wasm';
import { messageOf, SteadysegError, UsageError } from '../base/errors.js';
import type { Session } from './openSession.js';
import { openWebSession } from './webEngine.js';
import type { OpenedSession, WorkerAnswer, WorkerRequest } from './workerSession.js';

/** What is used here of a worker's global names. */
declare const self: {
  readonly name: string;
  onmessage: (event: { readonly data: WorkerRequest & { readonly id: number } }) => void;
  postMessage(message: WorkerAnswer, transferred: ArrayBufferLike[]): void;
};

const sessions = new Map<number, Session>();
let opened = 0;
/** One request after another: the engine computes one at a time. */
let queue = Promise.resolve();

async function follow(request: WorkerRequest): Promise<{ result: unknown; transferred?: ArrayBufferLike[] }> {
  if (request.kind === 'open') {
    const session = await openWebSession(build, request.model, request.options, request.settings);
    sessions.set(++opened, session);
    const { inputs, outputs } = session;
    return { result: { session: opened, inputs, outputs } satisfies OpenedSession };
  }
  const session = sessions.get(request.session);
  if (!session) throw new SteadysegError('the network was released');
  if (request.kind === 'release') {
    sessions.delete(request.session);
    return { result: await session.release() };
  }
  const result = await session.run(request.feeds, request.outputNames);
  return { result, transferred: [...new Set(Object.values(result).map(({ data }) => data.buffer))] };
}

async function answer({ id, ...request }: WorkerRequest & { readonly id: number }): Promise<void> {
  try {
    const { result, transferred = [] } = await follow(request);
    self.postMessage({ id, result }, transferred);
  } catch (thrown) {
    self.postMessage({ id, message: messageOf(thrown), usage: thrown instanceof UsageError }, []);
  }
}

// Bundled, this file holds the engine, whose threads load it again; they are told apart by their name.
if (!self.name.startsWith('em-pthread')) {
  self.onmessage = ({ data }) => {
    queue = queue.then(() => answer(data));
  };
}

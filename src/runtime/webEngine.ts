// The engine in a browser: onnxruntime-web.
import type { Engine } from './engine.js';
import { openSession, type Session, type SessionOptions } from './openSession.js';

/** How the engine's WebAssembly is found and run; set before the first model is loaded. */
export interface WebEngineOptions {
  /** Folder (ending in `/`) of onnxruntime-web's `.wasm` and `.mjs` files; default: where the bundler put them, else beside its script. */
  readonly wasmPaths?: string | undefined;
  /** The engine's WebAssembly itself, where a program fetched it, to show how far it is. */
  readonly wasmBinary?: ArrayBuffer | undefined;
  /** Threads; more than 1 need a page that is cross-origin isolated. Default: the engine's choice. */
  readonly threads?: number | undefined;
  /** Whether WebAssembly runs in a worker of the library's own, so that the page answers meanwhile (WebGPU lets it, anyway). Default false. */
  readonly worker?: boolean | undefined;
}

/** A build of onnxruntime-web; there is one for each device. */
export type Build = typeof import('onnxruntime-web/wasm');

/** Compiles a model in the calling thread, which a run holds until it ends; between runs, messages are heard. @throws as `openSession`. */
export async function openWebSession(
  build: Build,
  model: string | Uint8Array,
  options: SessionOptions,
  settings: WebEngineOptions,
): Promise<Session> {
  const session = await openSession(engineOf(build, settings), model, options);
  return {
    ...session,
    async run(feeds, outputNames) {
      const results = await session.run(feeds, outputNames);
      await messagesHeard();
      return results;
    },
  };
}

/** What is used here of a browser's channel; the compiler is told of Node's names alone. */
interface Channel {
  readonly port1: { onmessage: () => void; close(): void };
  readonly port2: { postMessage(message: undefined): void };
}

/** Ends after the messages that wait already: one of its own comes last. */
function messagesHeard(): Promise<void> {
  const { port1, port2 } = new MessageChannel() as unknown as Channel;
  return new Promise((heard) => {
    port1.onmessage = () => {
      port1.close();
      heard();
    };
    port2.postMessage(undefined);
  });
}

/** A build of the engine, set as a page wants it. */
export function engineOf(build: Build, { wasmPaths, wasmBinary, threads }: WebEngineOptions): Engine {
  const { env } = build;
  // Its messages come back as exceptions.
  env.logLevel = 'fatal';
  if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths;
  if (wasmBinary !== undefined) env.wasm.wasmBinary = wasmBinary;
  if (threads !== undefined) env.wasm.numThreads = threads;
  return {
    defaultDevice: 'wasm',
    devices: () => ['wasm', 'webgpu'],
    create: (model, options) =>
      typeof model === 'string'
        ? build.InferenceSession.create(model, options)
        : build.InferenceSession.create(model, options),
    tensor({ dtype, shape, data }) {
      // Newer browsers have half-precision arrays, and then the engine wants one.
      const bits = dtype === 'float16' && 'Float16Array' in globalThis ? float16Array(data as Uint16Array) : data;
      return new build.Tensor(dtype as 'float32', bits as Float32Array, shape);
    },
  };
}

/** A half-precision array over the same memory. */
function float16Array({ buffer, byteOffset, length }: Uint16Array): ArrayBufferView {
  const { Float16Array } = globalThis as unknown as {
    Float16Array: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;
  };
  return new Float16Array(buffer, byteOffset, length);
}

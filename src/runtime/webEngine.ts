// The engine in a browser: onnxruntime-web.
import * as ort from 'onnxruntime-web';
import type { Engine } from './engine.js';

// Its messages come back as exceptions.
ort.env.logLevel = 'fatal';

/** How the engine's WebAssembly is found and run; set before the first model is loaded. */
export interface WebEngineOptions {
  /** Folder (ending in `/`) of onnxruntime-web's `.wasm` and `.mjs` files; default: beside its script. */
  readonly wasmPaths?: string | undefined;
  /** Threads; more than 1 need a page that is cross-origin isolated. Default: the engine's choice. */
  readonly threads?: number | undefined;
  /** Whether networks run in a worker, so that the page answers meanwhile; not for WebGPU. Default false. */
  readonly worker?: boolean | undefined;
}

/** Sets what holds for all models of the page. */
export function configureWebEngine({ wasmPaths, threads, worker }: WebEngineOptions): void {
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
  if (threads !== undefined) ort.env.wasm.numThreads = threads;
  if (worker !== undefined) ort.env.wasm.proxy = worker;
}

export const webEngine: Engine = {
  defaultDevice: 'wasm',
  devices: () => ['wasm', 'webgpu'],
  create: (model, options) =>
    typeof model === 'string'
      ? ort.InferenceSession.create(model, options)
      : ort.InferenceSession.create(model, options),
  tensor({ dtype, shape, data }) {
    // Newer browsers have half-precision arrays, and then the engine wants one.
    const bits = dtype === 'float16' && 'Float16Array' in globalThis ? float16Array(data as Uint16Array) : data;
    return new ort.Tensor(dtype as 'float32', bits as Float32Array, shape);
  },
};

/** A half-precision array over the same memory. */
function float16Array({ buffer, byteOffset, length }: Uint16Array): ArrayBufferView {
  const { Float16Array } = globalThis as unknown as {
    Float16Array: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;
  };
  return new Float16Array(buffer, byteOffset, length);
}

// The engine of a worker: WebAssembly, fetched with its progress told.
import engineAddress from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { configureWebEngine } from '../src/web.js';
import { fetchBytes, type Loading } from './loading.js';
import { tell } from './remote.js';

/** Gives it the cores that the page leaves. */
export async function loadEngine(): Promise<void> {
  const binary = await fetchBytes(new URL(engineAddress, location.href), (loading) =>
    tell({ what: 'the engine', ...loading } satisfies Loading),
  );
  const threads = crossOriginIsolated ? Math.max(1, Math.min(8, navigator.hardwareConcurrency - 1)) : 1;
  configureWebEngine({ wasmBinary: binary.buffer, threads });
}

// Sessions in a browser: in the calling thread, or in a worker.
import { type DeviceSession, type DeviceSessionOptions, openDeviceSession } from './deviceSession.js';
import type { Session, SessionOptions } from './openSession.js';
import { engineOf, openWebSession, type WebEngineOptions } from './webEngine.js';
import { createWorkerSession } from './workerSession.js';

/** The builds by device, each loaded when it is needed: as a file of its own, since its threads load that file again. */
const builds = {
  wasm: () => import('onnxruntime-web/wasm'),
  webgpu: () => import('onnxruntime-web/webgpu'),
} as const;

let settings: WebEngineOptions = {};

/** Sets what holds for all models that are loaded from now on. */
export function configureWebEngine(options: WebEngineOptions): void {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  settings = { ...settings, ...Object.fromEntries(said) };
}

/**
 * Compiles a model in a browser, in the worker where there should be one.
 * @throws UsageError for a device this build does not have; SteadysegError when the model cannot be used.
 */
export async function createSession(model: string | Uint8Array, options: SessionOptions = {}): Promise<Session> {
  const { worker, ...rest } = settings;
  // A device of another name is refused by the engine.
  if (options.device === 'webgpu') return openWebSession(await builds.webgpu(), model, options, rest);
  if (worker) return createWorkerSession(model, options, rest);
  return openWebSession(await builds.wasm(), model, options, rest);
}

/** Compiles a model some of whose outputs stay on the device, in the calling thread. @throws as `createSession`. */
export async function createDeviceSession(model: Uint8Array, options: DeviceSessionOptions): Promise<DeviceSession> {
  const { worker: _, ...rest } = settings;
  const build = await (options.device === 'webgpu' ? builds.webgpu() : builds.wasm());
  return openDeviceSession(engineOf(build, rest), model, options);
}

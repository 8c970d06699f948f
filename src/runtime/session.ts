// Sessions in Node.
import { nodeEngine } from './nodeEngine.js';
import { openSession, type Session, type SessionOptions } from './openSession.js';

export type { Session, SessionOptions, ValueDescription } from './openSession.js';

/**
 * Compiles a model.
 *
 * @param model path of an .onnx file, or its bytes.
 * @throws UsageError for a device this build does not have; SteadysegError, naming the file, when the model cannot be used.
 */
export function createSession(model: string | Uint8Array, options: SessionOptions = {}): Promise<Session> {
  return openSession(nodeEngine, model, options);
}

/** Devices this build of the engine knows; those that need files of their own (`cuda`) may still fail to start. */
export function supportedDevices(): readonly string[] {
  return nodeEngine.devices();
}

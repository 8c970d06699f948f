// Sessions in Node.
import { type DeviceSession, type DeviceSessionOptions, openDeviceSession } from './deviceSession.js';
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

/** Compiles a model some of whose outputs stay on the device. @throws as `createSession`. */
export function createDeviceSession(model: Uint8Array, options: DeviceSessionOptions): Promise<DeviceSession> {
  return openDeviceSession(nodeEngine, model, options);
}

/** Devices this build of the engine knows; those that need files of their own (`cuda`) may still fail to start. */
export function supportedDevices(): readonly string[] {
  return nodeEngine.devices();
}

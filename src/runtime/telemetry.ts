// Keeps ONNX Runtime from collecting and sending usage data: its builds do so unless the environment forbids it before they start.
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { SteadysegError } from '../base/errors.js';

/** Read by the engine once, from the environment of the process; only `1` forbids. */
const variable = 'ORT_DISABLE_TELEMETRY';
/** Tells threads that the process has it. */
const known = 'steadyseg: telemetry is decided';
/** The main thread answers in a millisecond, unless it is blocked. */
const MAX_WAIT_MILLISECONDS = 10_000;

/** What a user chose stays. */
const decide = `process.env.${variable} ||= '1'`;

if (isMainThread) {
  process.env[variable] ||= '1';
  setEnvironmentData(known, true);
}

/**
 * To be awaited before the engine starts. In a worker thread, which has but a copy of the environment, the main thread is
 * asked to set it.
 *
 * @throws SteadysegError when that does not answer.
 */
export async function forbidTelemetry(): Promise<void> {
  if (isMainThread || getEnvironmentData(known)) return;
  const { Session } = await import('node:inspector');
  const session = new Session();
  await new Promise<void>((resolve, reject) => {
    // It also keeps the thread alive: waiting for an answer does not.
    const limit = setTimeout(() => reject(unanswered()), MAX_WAIT_MILLISECONDS);
    session.connectToMainThread();
    session.post('Runtime.evaluate', { expression: decide }, (error, answer) => {
      clearTimeout(limit);
      if (error || answer.exceptionDetails) reject(unanswered());
      else resolve();
    });
  }).finally(() => session.disconnect());
  setEnvironmentData(known, true);
}

function unanswered(): SteadysegError {
  return new SteadysegError(
    `ONNX Runtime would send usage data from this worker thread: expected the main thread to set ${variable}, found that it does not answer: import steadyseg in the main thread first`,
  );
}

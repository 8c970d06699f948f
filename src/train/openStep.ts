// A training step ready to run: one session, or the stretches of a step that ranks share, with sums over ranks in between.
import { createSession } from '#session';
import { SteadysegError } from '../base/errors.js';
import type { Collective } from '../collective/collective.js';
import type { CutGraph, Stretch } from '../onnx/cut.js';
import { rankInput } from '../onnx/ranks.js';
import { writeModel } from '../onnx/write.js';
import type { Session, SessionOptions } from '../runtime/openSession.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import type { TrainingStep } from './step.js';

/** What runs a step: outputs by name, of feeds by name. */
export type StepRunner = Pick<Session, 'run' | 'release'>;

/** @throws SteadysegError where the device lacks an operator of the step. */
export async function openStep(
  { model, cut }: Pick<TrainingStep, 'model' | 'cut'>,
  collective: Collective,
  options: Pick<SessionOptions, 'device' | 'threads' | 'fallback'>,
): Promise<StepRunner> {
  const open = (part: Stretch['model']) =>
    createSession(writeModel(part), {
      ...options,
      // Rewriting pays for inference; a training graph runs faster as it is built.
      optimization: 'disabled',
      memoryPattern: false,
      source: 'the training step',
    });
  if (!cut) return open(model);
  const sessions: Session[] = [];
  for (const stretch of cut.stretches) sessions.push(await open(stretch.model));
  return {
    run: (feeds) => runStretches(cut, sessions, collective, feeds),
    async release() {
      for (const session of sessions) await session.release();
    },
  };
}

async function runStretches(
  { stretches, outputs }: CutGraph,
  sessions: readonly Session[],
  collective: Collective,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const { rank, size } = collective;
  const place = tensor(
    'float32',
    [size],
    Float32Array.from({ length: size }, (_, k) => (k === rank ? 1 : 0)),
  );
  const values = new Map<string, Tensor>([...Object.entries(feeds), [rankInput, place]]);
  for (const [k, { sums, dropped }] of stretches.entries()) {
    const session = sessions[k];
    const own = session.inputs.flatMap(({ name }) => {
      const value = values.get(name);
      return value ? [[name, value] as const] : [];
    });
    const found = session.outputs.length > 0 ? await session.run(Object.fromEntries(own)) : {};
    for (const [name, value] of Object.entries(found)) values.set(name, value);
    await sumAll(
      sums.map(({ from, to }) => [givenBy(values, from), to] as const),
      values,
      collective,
    );
    for (const name of dropped) values.delete(name);
  }
  return Object.fromEntries([...outputs].map(([name, value]) => [name, givenBy(values, value)]));
}

/** All sums of one place in one message. */
async function sumAll(
  sums: readonly (readonly [from: Tensor, to: string])[],
  values: Map<string, Tensor>,
  collective: Collective,
): Promise<void> {
  if (sums.length === 0) return;
  const flat = new Float32Array(sums.reduce((length, [{ data }]) => length + data.length, 0));
  let at = 0;
  for (const [{ data }] of sums) {
    flat.set(data as Float32Array, at);
    at += data.length;
  }
  await collective.sum(flat);
  at = 0;
  for (const [{ shape, data }, to] of sums) {
    values.set(to, tensor('float32', shape, flat.subarray(at, at + data.length)));
    at += data.length;
  }
}

function givenBy(values: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const value = values.get(name);
  if (!value) throw new SteadysegError(`the step lacks the value ${name}`);
  return value;
}

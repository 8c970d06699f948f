// A training step ready to run: one session, or the stretches of a step that ranks share, with sums over ranks in between.
import { createDeviceSession, createSession } from '#session';
import { SteadysegError } from '../base/errors.js';
import type { Collective } from '../collective/collective.js';
import type { CutGraph, Stretch } from '../onnx/cut.js';
import { rankInput } from '../onnx/ranks.js';
import { writeModel } from '../onnx/write.js';
import type { DeviceSession, DeviceTensor } from '../runtime/deviceSession.js';
import { createMemoryPool } from '../runtime/memoryPool.js';
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
  const engineOptions = {
    ...options,
    // Rewriting pays for inference; a training graph runs faster as it is built.
    optimization: 'disabled',
    memoryPattern: false,
    source: 'the training step',
  } as const;
  if (!cut) return createSession(writeModel(model), engineOptions);
  const stretches: OpenStretch[] = [];
  const results = new Set(cut.outputs.values());
  const memory = createMemoryPool();
  for (const stretch of cut.stretches) {
    const { inputs, outputs } = stretch.model.graph;
    // What is summed or asked for comes back; the rest stays where the next stretches find it.
    const returned = new Set([...results, ...stretch.sums.map(({ from }) => from)]);
    const kept = outputs.map(({ name }) => name).filter((name) => !returned.has(name));
    const session =
      outputs.length > 0
        ? await createDeviceSession(writeModel(stretch.model), { ...engineOptions, kept, memory })
        : undefined;
    stretches.push({ ...stretch, session, inputs: inputs.map(({ name }) => name) });
  }
  return {
    run: (feeds) => runStretches(stretches, cut.outputs, collective, feeds),
    async release() {
      for (const { session } of stretches) await session?.release();
    },
  };
}

/** A stretch ready to run; one that only sums what others gave has no session. */
interface OpenStretch extends Pick<Stretch, 'sums' | 'dropped'> {
  readonly session: DeviceSession | undefined;
  readonly inputs: readonly string[];
}

async function runStretches(
  stretches: readonly OpenStretch[],
  outputs: CutGraph['outputs'],
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
  const held = new Map<string, DeviceTensor>();
  for (const { session, inputs, sums, dropped } of stretches) {
    const own = inputs.flatMap((name) => {
      const value = held.get(name) ?? values.get(name);
      return value ? [[name, value] as const] : [];
    });
    const found = await session?.run(Object.fromEntries(own));
    for (const [name, value] of Object.entries(found?.returned ?? {})) values.set(name, value);
    for (const [name, value] of Object.entries(found?.kept ?? {})) held.set(name, value);
    await sumAll(
      sums.map(({ from, to }) => [givenBy(values, from), to] as const),
      values,
      collective,
    );
    for (const name of dropped) {
      values.delete(name);
      held.get(name)?.release();
      held.delete(name);
    }
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

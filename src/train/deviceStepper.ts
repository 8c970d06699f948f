// Training steps whose weights, gradients and optimiser stay on a device: frames go there at every step, losses come back.
import { createDeviceSession } from '#session';
import { SteadysegError } from '../base/errors.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input, type Value } from '../onnx/graph.js';
import { identity } from '../onnx/ops.js';
import { writeModel } from '../onnx/write.js';
import type { DeviceSession, DeviceTensor } from '../runtime/deviceSession.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { adjustLossScale } from './lossScale.js';
import type { Optimizer } from './optimizer.js';
import { type TrainingState, updatesDone } from './state.js';
import { lossScaleInput, type TrainingStep } from './step.js';
import type { Stepper } from './stepper.js';
import { batchName, buildUpdate, slotName, type UpdateGraph, updateScalars } from './updateGraph.js';

/**
 * @param state what the first step begins with; `settle` brings it up to date.
 * @throws SteadysegError where the device cannot run the step.
 */
export async function openDeviceStepper(
  step: TrainingStep,
  optimizer: Optimizer,
  state: TrainingState,
  options: Pick<SessionOptions, 'device' | 'threads' | 'fallback'>,
): Promise<Stepper> {
  const sessions: DeviceSession[] = [];
  const open = async (bytes: Uint8Array, kept: readonly string[], what: string) => {
    const session = await createDeviceSession(bytes, {
      ...{ ...options, kept, source: what, optimization: 'disabled', memoryPattern: false },
    });
    sessions.push(session);
    return session;
  };
  const outputs = step.model.graph.outputs.map(({ name }) => name);
  const gradients = await open(
    writeModel(step.model),
    outputs.filter((name) => !step.lossOutputs.includes(name)),
    'the training step',
  );
  const copy = writeModel(copyOf(contentsOf(state)));
  const names = [...contentsOf(state).keys()].map(copied);
  const upload = await open(copy, names, 'what a training run holds');
  const download = await open(copy, [], 'what a training run holds');

  /** Made when it is known how many batches a step has. */
  let update: { readonly graph: UpdateGraph; readonly session: DeviceSession; readonly batches: number } | undefined;
  const updateFor = async (batches: number) => {
    if (update?.batches === batches) return update;
    if (update) throw new SteadysegError(`expected ${update.batches} batches a step, as before, found ${batches}`);
    const graph = buildUpdate(step, optimizer, batches);
    const kept = [...graph.next.values(), ...graph.nextStatistics.values()];
    update = { graph, session: await open(writeModel(graph.model), kept, 'the update of the weights'), batches };
    return update;
  };

  /** What the run holds, on the device; none before the first step. */
  let held: Record<string, DeviceTensor> | undefined;
  const upToDate = async () => {
    if (held) return held;
    const { kept } = await upload.run(Object.fromEntries(contentsOf(state)));
    held = Object.fromEntries([...contentsOf(state).keys()].map((name) => [name, kept[copied(name)]]));
    return held;
  };
  /** Gradients and statistics of the last batches, in the update's names. */
  let computed: Record<string, DeviceTensor> = {};
  let batchCount = 0;

  return {
    async compute(batches) {
      const own = await upToDate();
      const { lossScale } = state;
      const scale = lossScale && { [lossScaleInput]: tensor('float32', [], Float32Array.of(lossScale.factor)) };
      const losses: Record<string, number> = {};
      releaseAll(computed);
      computed = {};
      batchCount = batches.length;
      for (const [k, batch] of batches.entries()) {
        const { returned, kept } = await gradients.run({ ...own, ...scale, ...batch });
        for (const name of step.lossOutputs) {
          losses[name] = (losses[name] ?? 0) + Number(returned[name].data[0]) / batches.length;
        }
        for (const [name, value] of Object.entries(kept)) computed[batchName(k, name)] = value;
      }
      return { losses, gradients: new Map() };
    },
    async apply(_, rate) {
      const own = await upToDate();
      const { graph, session } = await updateFor(batchCount);
      const { returned, kept } = await session.run({
        ...{ ...own, ...computed, ...updateScalars(optimizer, updatesDone(state), rate) },
      });
      releaseAll(computed);
      computed = {};
      const replace = ([name, output]: readonly [string, string]) => {
        own[name].release();
        own[name] = kept[output];
      };
      for (const one of graph.nextStatistics) replace(one);
      const { lossScale } = state;
      const size = graph.gradientSize === undefined ? undefined : (returned[graph.gradientSize].data as Float32Array);
      const applies = !lossScale || !size || adjustLossScale(lossScale, new Map([['a weight', size]]));
      if (applies) for (const one of graph.next) replace(one);
      else for (const output of graph.next.values()) kept[output].release();
      state.step++;
    },
    async settle() {
      if (!held) return;
      const { returned } = await download.run(held);
      for (const [name, { data }] of contentsOf(state)) data.set(returned[copied(name)].data as Float32Array);
    },
    async release() {
      releaseAll(computed);
      releaseAll(held ?? {});
      for (const session of sessions) await session.release();
    },
  };
}

function releaseAll(tensors: Readonly<Record<string, DeviceTensor>>): void {
  for (const one of Object.values(tensors)) one.release();
}

/** Everything that a run holds, by the names of the update, over the state's memory. */
function contentsOf({ parameters, slots }: TrainingState): Map<string, Tensor<'float32'>> {
  const contents = new Map(parameters);
  for (const [slot, values] of slots) {
    for (const [name, data] of values) {
      contents.set(slotName(slot, name), tensor('float32', parameters.get(name)?.shape ?? [data.length], data));
    }
  }
  return contents;
}

const copied = (name: string) => `copy of ${name}`;

/** A model that gives what it takes. */
function copyOf(contents: ReadonlyMap<string, Tensor>) {
  const graph = createGraph('copy');
  const outputs: Record<string, Value> = {};
  for (const [name, { dtype, shape }] of contents) outputs[copied(name)] = identity(input(graph, name, dtype, shape));
  return exportModel(graph, outputs);
}

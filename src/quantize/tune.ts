// Lets weights settle on their integers: the network with values rounded learns to say what the float one says, without labels.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { framePlanes } from '../adapt/clip.js';
import { openPredictor } from '../adapt/predictor.js';
import { openRecords } from '../adapt/records.js';
import { InterruptedError, SteadysegError } from '../base/errors.js';
import type { RgbImage, Size } from '../media/image.js';
import type { Model } from '../onnx/model.js';
import { writeModel } from '../onnx/write.js';
import { isProcessor, type SessionOptions } from '../runtime/openSession.js';
import { createSession } from '../runtime/session.js';
import type { FoundNetwork, NetworkDescription } from '../segment/network.js';
import { createRandom, deriveSeed } from '../tensor/random.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { studentOf } from '../train/onnxStudent.js';
import { createOptimizer } from '../train/optimizer.js';
import { learningRate } from '../train/schedule.js';
import {
  applyGradients,
  computeGradients,
  createTrainingState,
  resultingParameters,
  trainedWeights,
} from '../train/state.js';
import { buildTrainingStep } from '../train/step.js';

/** Adam; the rate falls to 0, and the exponential mean of the weights is taken. */
const method = { rate: 5e-5, averaging: 0.98 } as const;

export interface TuneOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  readonly found: FoundNetwork;
  readonly description: NetworkDescription;
  /** The float network, and the same with values and weights rounded (`rounded`). */
  readonly model: Model;
  readonly rounded: Model;
  /** The weights that may change. */
  readonly trained: ReadonlySet<string>;
  readonly size: Size;
  readonly steps: number;
  readonly seed: number;
  /** Frames to learn on; called once. */
  frames(): AsyncIterable<RgbImage>;
  readonly signal?: AbortSignal | undefined;
  readonly onStep: (done: number) => void;
}

/**
 * The float network with weights that lose less when they are rounded: cross entropy of the rounded network's scores to the
 * probabilities of the float one, on one frame a step, every second one mirrored.
 * @throws SteadysegError for a network that cannot learn; InterruptedError when the signal ended it.
 */
export async function tuneWeights(options: TuneOptions): Promise<Model> {
  const { found, description, model, size, steps, seed, threads, device, signal, onStep } = options;
  const form = (of: Model) => ({ model: of, toModel: () => new Uint8Array(0) });
  const float = studentOf(found, description, {}, form(model));
  const student = {
    ...studentOf(found, description, {}, form(options.rounded)),
    trains: (name: string) => options.trained.has(name),
  };
  const { height, width } = size;
  const step = buildTrainingStep({
    ...{ student, statistics: 'fixed', batch: 1, height, width, dropout: false },
    ...{ frames: 1, losses: { consensus: 1 }, portable: !isProcessor(device) },
  });
  const optimizer = createOptimizer(
    {
      ...{ method: 'adam', betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 },
      ...{ decayNormsAndBiases: true, groups: {}, averaging: method.averaging },
    },
    trainedWeights(step),
  );
  const state = createTrainingState(step, optimizer, seed, student.weights);
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-tune-'));
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const records = await openRecords(folder, 'frames', 3 * height * width);
    closers.push(() => records.close());
    let count = 0;
    for await (const image of options.frames()) await records.write(count++, framePlanes(image, size));
    const predictor = await openPredictor(float, float.weights, size, { gives: 'probabilities', threads, device });
    closers.push(() => predictor.close());
    const session = await createSession(writeModel(step.model), {
      ...{ threads, device, optimization: 'disabled', memoryPattern: false, source: `${found.source} (tuning)` },
    });
    closers.push(() => session.release());
    while (state.step < steps) {
      if (signal?.aborted) throw new InterruptedError('interrupted: nothing was written');
      const random = createRandom(deriveSeed(seed, 'frame', state.step));
      const planes = await records.read(random.integer(count));
      if (random.uniform() < 0.5) mirrorRows(planes, width);
      const targets = tensor('uint8', [1, height, width, student.classes.count], await predictor.run(planes));
      const image = tensor('uint8', [1, 3, height, width], planes);
      const { losses, gradients } = await computeGradients(step, session, state, [{ image, 'targets.frame': targets }]);
      if (!Number.isFinite(losses.loss)) {
        throw new SteadysegError(`${found.source}: tuning step ${state.step + 1}: the loss became ${losses.loss}`);
      }
      const rate = learningRate(
        { schedule: 'polynomial', power: 0.9, rate: method.rate, warmup: 0 },
        state.step,
        steps,
      );
      applyGradients(state, gradients, optimizer, rate);
      onStep(state.step);
    }
  } finally {
    for (const close of closers.reverse()) await close();
  }
  return withWeights(model, resultingParameters(state), options.trained);
}

function withWeights(model: Model, weights: ReadonlyMap<string, Tensor>, names: ReadonlySet<string>): Model {
  const initializers = new Map(
    [...model.graph.initializers].map(([name, content]) => [name, (names.has(name) && weights.get(name)) || content]),
  );
  return { ...model, graph: { ...model.graph, initializers } };
}

function mirrorRows(planes: Uint8Array, width: number): void {
  for (let start = 0; start < planes.length; start += width) planes.subarray(start, start + width).reverse();
}

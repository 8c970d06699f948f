// Runs a network over frames and counts the values that are to become bytes.
import { SteadysegError } from '../base/errors.js';
import { createEditor } from '../onnx/editor.js';
import type { Model } from '../onnx/model.js';
import { writeModel } from '../onnx/write.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { createSession } from '../runtime/session.js';
import { elementCount, type Shape, type Tensor } from '../tensor/tensor.js';
import { emptyHistogram, type Histogram, withValues } from './histogram.js';

/** Values are taken out of the engine in portions of about so many numbers; one whose size is not known counts as one portion. */
const MAX_PORTION = 1 << 26;

export interface CalibrationOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Names the model in errors. */
  readonly source: string;
  readonly shapes: ReadonlyMap<string, Shape>;
}

/** A network that counts its values. */
export interface Calibration {
  /** Runs it on one frame. @throws SteadysegError for values that are no numbers. */
  add(feeds: Readonly<Record<string, Tensor>>): Promise<void>;
  readonly histograms: ReadonlyMap<string, Histogram>;
  close(): Promise<void>;
}

/** @param values names of float32 values, inputs among them. */
export async function openCalibration(
  model: Model,
  values: readonly string[],
  { source, shapes, device, threads }: CalibrationOptions,
): Promise<Calibration> {
  const histograms = new Map<string, Histogram>(values.map((value) => [value, emptyHistogram]));
  const computed = values.filter((value) => model.graph.nodes.some(({ outputs }) => outputs.includes(value)));
  const editor = createEditor(model);
  for (const value of computed) editor.addOutput(value);
  const session = await createSession(writeModel(editor.finish()), { source, device, threads });
  const portions = inPortions(computed, (value) => {
    const shape = shapes.get(value);
    return shape ? elementCount(shape) : MAX_PORTION;
  });
  const count = (name: string, { data }: Tensor) => {
    if (!(data instanceof Float32Array)) throw new SteadysegError(`${source}: expected float32 in ${name}`);
    const histogram = withValues(histograms.get(name) ?? emptyHistogram, data);
    if (histogram.notFinite > 0) {
      throw new SteadysegError(
        `${source}: expected finite values to calibrate by, found ${histogram.notFinite} that are NaN or infinite in "${name}"`,
      );
    }
    histograms.set(name, histogram);
  };
  return {
    histograms,
    async add(feeds) {
      for (const [name, feed] of Object.entries(feeds)) if (histograms.has(name)) count(name, feed);
      for (const portion of portions) {
        const found = await session.run(feeds, portion);
        for (const name of portion) count(name, found[name]);
      }
    },
    close: () => session.release(),
  };
}

function inPortions(values: readonly string[], sizeOf: (value: string) => number): string[][] {
  const portions: string[][] = [];
  let room = 0;
  for (const value of values) {
    const size = sizeOf(value);
    if (size > room || portions.length === 0) {
      portions.push([]);
      room = MAX_PORTION;
    }
    portions[portions.length - 1].push(value);
    room -= size;
  }
  return portions;
}

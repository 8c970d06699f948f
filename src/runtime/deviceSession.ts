// Sessions whose outputs may stay where they were computed, and be fed from there: on WebGPU nothing is copied between steps.
import type { Tensor as OrtTensor } from 'onnxruntime-common';
import { SteadysegError } from '../base/errors.js';
import { lookUp } from '../base/lookUp.js';
import {
  bytesPerElement,
  type DType,
  elementCount,
  type Shape,
  type Tensor,
  tensorFromBytes,
} from '../tensor/tensor.js';
import { type Engine, isEngineDType } from './engine.js';
import type { MemoryPool } from './memoryPool.js';
import {
  checkFeed,
  compile,
  fromEngine,
  runCompiled,
  type SessionOptions,
  type ValueDescription,
} from './openSession.js';

/** A tensor in a device's memory; on the CPU, in the engine's. */
export interface DeviceTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  /** The engine's own. */
  readonly held: OrtTensor;
  /** Frees the memory, once nothing runs on it. */
  release(): void;
}

export interface DeviceSessionOptions extends SessionOptions {
  /** The outputs that stay on the device. */
  readonly kept: readonly string[];
  /** Where they lie on the CPU; default: each time in new memory. */
  readonly memory?: MemoryPool | undefined;
}

/** A compiled model that runs on tensors here and there. */
export interface DeviceSession {
  /**
   * Runs the model once.
   * @returns the outputs that came back, and those that stayed, which are the caller's to release.
   * @throws SteadysegError when a feed is missing or does not fit, or the run fails.
   */
  run(feeds: Readonly<Record<string, Tensor | DeviceTensor>>): Promise<{
    readonly returned: Readonly<Record<string, Tensor>>;
    readonly kept: Readonly<Record<string, DeviceTensor>>;
  }>;
  /** Frees the engine's memory, but for the outputs that stayed. */
  release(): Promise<void>;
}

/** Whether the engine can leave outputs on a device: in Node and in browsers, of WebGPU alone. */
export function keepsOutputs(device: string | undefined): boolean {
  return device === 'webgpu';
}

/**
 * Compiles a model on a build of the engine. On other devices than those that `keepsOutputs` names, what stays is in the CPU's memory.
 * @throws as `compile`.
 */
export async function openDeviceSession(
  engine: Engine,
  model: string | Uint8Array,
  { kept: names, memory, ...options }: DeviceSessionOptions,
): Promise<DeviceSession> {
  const stays = new Set(names);
  const preferredOutputLocation = Object.fromEntries(names.map((name) => [name, 'gpu-buffer'] as const));
  const onDevice = keepsOutputs(options.device);
  const compiled = await compile(engine, model, options, onDevice ? { preferredOutputLocation } : {});
  const { inner, outputs, source } = compiled;
  const pool = onDevice ? undefined : memory;
  /**
   * Memory of the pool for an output that stays; none where its size is only known when it is there, and none of float16: the engine
   * writes to tensors of its own class alone, which those are not in all versions of Node.
   */
  const lend = ({ name, dtype, shape }: ValueDescription): readonly [ArrayBuffer, OrtTensor] | undefined => {
    if (!pool || !stays.has(name) || !isFixed(shape) || dtype === 'float16') return undefined;
    const lent = pool.take(elementCount(shape) * bytesPerElement(dtype));
    return [lent, engine.tensor(tensorFromBytes(dtype, shape, new Uint8Array(lent)))];
  };
  return {
    async run(feeds) {
      const lent = new Map(outputs.map((output) => [output.name, lend(output)]));
      const fetches = Object.fromEntries([...lent].map(([name, one]) => [name, one?.[1] ?? null]));
      const feed = (input: ValueDescription) => {
        const given = checkFeed(lookUp(feeds, input.name), input, source);
        return 'held' in given ? given.held : engine.tensor(given);
      };
      const results = await runCompiled(compiled, feed, fetches);
      const returned: Record<string, Tensor> = {};
      const kept: Record<string, DeviceTensor> = {};
      for (const [name, value] of results) {
        const own = lent.get(name);
        if (own && pool) kept[name] = { ...deviceTensor(own[1], name, source), release: () => pool.give(own[0]) };
        else if (stays.has(name)) kept[name] = deviceTensor(value, name, source);
        else returned[name] = fromEngine(value, name, source);
      }
      return { returned, kept };
    },
    release: () => inner.release(),
  };
}

function isFixed(shape: readonly (number | string)[]): shape is Shape {
  return shape.every((dimension) => typeof dimension === 'number');
}

function deviceTensor(value: OrtTensor, name: string, source: string): DeviceTensor {
  const { type, dims } = value;
  if (!isEngineDType(type)) {
    throw new SteadysegError(`${source}: expected a numeric tensor from the output "${name}", found ${type}`);
  }
  return { dtype: type, shape: dims, held: value, release: () => value.dispose() };
}

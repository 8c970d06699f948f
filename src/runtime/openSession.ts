// A compiled model that runs on tensors, whatever build of ONNX Runtime is under it.

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { isOutOfMemory, messageOf, SteadysegError, UsageError } from '../base/errors.js';
import { lookUp } from '../base/lookUp.js';
import { suggest } from '../base/suggest.js';
import { type DType, formatShape, type Tensor, tensor } from '../tensor/tensor.js';
import { type Engine, isEngineDType } from './engine.js';

/** How a model is run. Every field has a default. */
export interface SessionOptions {
  /** Where it runs: `cpu` (default in Node), `cuda`, `webgpu`, … as `supportedDevices` lists them; in a browser `wasm` (default) or `webgpu`. */
  readonly device?: string | undefined;
  /** Threads one operator may use; default: the engine's choice, one a core. */
  readonly threads?: number | undefined;
  /** Graph rewriting before the first run: `all` (default) suits inference; training graphs run faster with `disabled`. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all' | undefined;
  /** Whether memory is planned ahead from the first run (default); a training graph needs a third less without. */
  readonly memoryPattern?: boolean | undefined;
  /** Where the engine writes the model as it runs it: operators fused and replaced. In Node; default: nowhere. */
  readonly optimizedModel?: string | undefined;
  /** Whether operators that the device lacks may run on the CPU, at the cost of copies; default true. */
  readonly fallback?: boolean | undefined;
  /** What the model is called in errors; default: its path, or "the model". */
  readonly source?: string | undefined;
}

/** Whether a device is a processor, in Node or in a browser: graphs may be written for it, and it has every operator. */
export function isProcessor(device: string | undefined): boolean {
  return device === undefined || device === 'cpu' || device === 'wasm';
}

/** An input or output of a model. A dimension that may vary is its symbolic name (`''` when it has none). */
export interface ValueDescription {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

/** A compiled model. */
export interface Session {
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
  /**
   * Runs the model once. Feeds are used where they are, without a copy; outputs are new tensors.
   * One run at a time and thread: the engine computes on its own threads, but a run blocks its caller's event loop.
   *
   * @param outputNames the outputs to compute; default: all.
   * @throws SteadysegError when a feed is missing or has another type or shape than the model declares, or the run fails.
   */
  run(feeds: Readonly<Record<string, Tensor>>, outputNames?: readonly string[]): Promise<Record<string, Tensor>>;
  /** Frees the engine's memory; the session cannot run after that. */
  release(): Promise<void>;
}

/** A model as the engine has compiled it. */
export interface Compiled {
  readonly inner: InferenceSession;
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
  /** What it is called in errors. */
  readonly source: string;
}

/**
 * Compiles a model on a build of the engine.
 *
 * @param model path of an .onnx file, or its bytes.
 * @param engineOptions options of the engine besides.
 * @throws UsageError for a device this build does not have; SteadysegError, naming the file, when the model cannot be used.
 */
export async function compile(
  engine: Engine,
  model: string | Uint8Array,
  options: SessionOptions,
  engineOptions: InferenceSession.SessionOptions = {},
): Promise<Compiled> {
  const { device = engine.defaultDevice, threads, optimization = 'all' } = options;
  const source = options.source ?? (typeof model === 'string' ? model : 'the model');
  checkDevice(device, engine.devices());
  if (typeof model !== 'string' && model.length === 0) {
    throw new SteadysegError(`${source}: expected an ONNX model, found no bytes`);
  }
  let inner: InferenceSession;
  try {
    inner = await engine.create(model, {
      ...engineOptions,
      executionProviders: [device],
      graphOptimizationLevel: optimization,
      ...(threads !== undefined && { intraOpNumThreads: threads }),
      interOpNumThreads: 1,
      ...(options.optimizedModel !== undefined && { optimizedModelFilePath: options.optimizedModel }),
      enableMemPattern: options.memoryPattern ?? true,
      ...(options.fallback === false && { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
      // Fatal ones only: the others come back as exceptions.
      logSeverityLevel: 4,
    });
  } catch (thrown) {
    throw new SteadysegError(`${source}: ${explainLoad(messageOf(thrown), device)}`, { cause: thrown });
  }
  return {
    inner,
    inputs: describe(inner.inputMetadata, source),
    outputs: describe(inner.outputMetadata, source),
    source,
  };
}

/**
 * Runs a compiled model once.
 * @param feed the engine's tensor for an input.
 * @param fetches outputs by name, or in the engine's tensors, which are written to where there are any; default: all, in new ones.
 * @throws SteadysegError when it fails.
 */
export async function runCompiled(
  { inner, inputs, source }: Compiled,
  feed: (input: ValueDescription) => OrtTensor,
  fetches?: InferenceSession.FetchesType,
): Promise<[name: string, value: OrtTensor][]> {
  const feeds = Object.fromEntries(inputs.map((input) => [input.name, feed(input)]));
  try {
    const results = await (fetches ? inner.run(feeds, fetches) : inner.run(feeds));
    return Object.entries(results).map(([name, value]) => [name, value as OrtTensor]);
  } catch (thrown) {
    throw new SteadysegError(`${source}: the run failed: ${explainRun(thrown)}`, { cause: thrown });
  }
}

/** Compiles a model on a build of the engine. @throws as `compile`. */
export async function openSession(
  engine: Engine,
  model: string | Uint8Array,
  options: SessionOptions = {},
): Promise<Session> {
  const compiled = await compile(engine, model, options);
  const { inner, inputs, outputs, source } = compiled;
  return {
    inputs,
    outputs,
    async run(feeds, outputNames) {
      for (const name of outputNames ?? []) {
        if (!outputs.some((output) => output.name === name)) {
          throw new SteadysegError(
            `${source}: it has no output "${name}", but ${outputs.map((one) => one.name).join(', ')}`,
          );
        }
      }
      const feed = (input: ValueDescription) => engine.tensor(checkFeed(lookUp(feeds, input.name), input, source));
      const results = await runCompiled(compiled, feed, outputNames);
      return Object.fromEntries(results.map(([name, value]) => [name, fromEngine(value, name, source)]));
    },
    release: () => inner.release(),
  };
}

function checkDevice(device: string, devices: readonly string[]): void {
  if (devices.includes(device)) return;
  const near = suggest(device, devices);
  throw new UsageError(
    `expected a device this build supports (${devices.join(', ')}), found "${device}"${near ? `; did you mean ${near}?` : ''}`,
  );
}

function describe(metadata: readonly InferenceSession.ValueMetadata[], source: string): ValueDescription[] {
  return metadata.map((value) => {
    if (!value.isTensor || !isEngineDType(value.type)) {
      const type = value.isTensor ? value.type : 'no tensor';
      throw new SteadysegError(`${source}: expected numeric tensors, found that "${value.name}" is ${type}`);
    }
    return { name: value.name, dtype: value.type, shape: value.shape };
  });
}

/** A feed that fits an input. @throws SteadysegError where there is none, or it has another type or shape. */
export function checkFeed<Feed extends Pick<Tensor, 'dtype' | 'shape'>>(
  feed: Feed | undefined,
  input: ValueDescription,
  source: string,
): Feed {
  const expected = `${input.dtype} ${formatShape(input.shape.map((dimension) => dimension || '?'))}`;
  if (!feed) throw new SteadysegError(`${source}: expected a feed for the input "${input.name}" (${expected})`);
  const fits =
    feed.dtype === input.dtype &&
    feed.shape.length === input.shape.length &&
    input.shape.every((dimension, axis) => typeof dimension === 'string' || dimension === feed.shape[axis]);
  if (!fits) {
    throw new SteadysegError(
      `${source}: expected ${expected} for the input "${input.name}", found ${feed.dtype} ${formatShape(feed.shape)}`,
    );
  }
  return feed;
}

/** The engine's tensor as one of ours, over the same memory. */
export function fromEngine(value: OrtTensor, name: string, source: string): Tensor {
  if (!isEngineDType(value.type)) {
    throw new SteadysegError(`${source}: expected a numeric tensor from the output "${name}", found ${value.type}`);
  }
  const { data } = value;
  // Where JavaScript has half-precision arrays (Node 24), float16 comes as one; ours are always the bits.
  const bits = value.type === 'float16' && ArrayBuffer.isView(data);
  const ours = bits ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2) : data;
  return tensor(value.type, value.dims, ours as Tensor['data']);
}

/** What went wrong when a model was compiled, from the engine's message. */
function explainLoad(message: string, device: string): string {
  if (/path is a directory/i.test(message)) return 'expected an ONNX model, found a directory';
  if (/protobuf parsing failed|no graph was found|ModelProto does not have a graph/i.test(message)) {
    return 'expected an ONNX model, found something else or a damaged one';
  }
  if (/File doesn't exist|No such file/i.test(message)) return 'no such file or directory';
  const opset = /Opset (\d+) is under development.*till opset (\d+)/i.exec(message);
  if (opset) return `expected an operator set up to ${opset[2]}, found ${opset[1]}: export the model with an older one`;
  const version = /Unsupported model IR version: (\d+), max supported IR version: (\d+)/i.exec(message);
  if (version) return `expected an ONNX file of IR version up to ${version[2]}, found ${version[1]}`;
  const missing = /Could not find an implementation for ([^\s(]+)\((\d+)\)/i.exec(message);
  if (missing) return `the operator ${missing[1]} (version ${missing[2]}) is not supported on ${device}`;
  const unregistered = /No Op registered for (\S+)|(\S+)\((-?\d+)\) is not a registered function/i.exec(message);
  if (unregistered) return `it uses the operator ${unregistered[1] ?? unregistered[2]}, which is not supported`;
  if (/fallback to CPU EP has been explicitly disabled/i.test(message)) {
    return `expected operators that the device ${device} has, found others, which would run on the CPU`;
  }
  if (device === 'cuda' && /shared library/i.test(message)) {
    return 'the device cuda needs files that onnxruntime-node downloads when it is installed with install scripts on (see README)';
  }
  if (device !== 'cpu' && /provider|shared library|\.so|\.dll|adapter/i.test(message)) {
    return `the device ${device} cannot be used here: ${plain(message)}`;
  }
  return `the model cannot be used: ${plain(message)}`;
}

function explainRun(thrown: unknown): string {
  if (isOutOfMemory(thrown)) return 'there is not enough memory for it';
  const message = messageOf(thrown);
  if (/requires f16 but the device does not support it/.test(message)) {
    return 'it computes in float16, which this device does not have; use a float32 model (in training: precision: float32)';
  }
  return plain(message);
}

/** An engine message without its source-code locations. */
function plain(message: string): string {
  return message
    .replace(/\/\S+\/(\w+\.(?:cc|h|cpp)):\d+ /g, '')
    .replace(/\bonnxruntime::[^ ]*\([^)]*\)( const)? ?/g, '')
    .trim();
}

// Finds the state dict in what a checkpoint holds.
import { SteadysegError } from '../base/errors.js';
import type { PickleValue } from './pickle.js';
import { isTensorReference, isUnknownObject, type TensorReference } from './torchGlobals.js';

/** Deepest nesting in which a state dict is looked for: `{'models': {'student': {'state_dict': …}}}` has three levels. */
const MAX_NESTING = 8;

/** Keys under which training code keeps the weights, best first. */
const usualKeys = ['state_dict', 'model_state_dict', 'model_state', 'model', 'network', 'net', 'student', 'module'];
/** Keys whose tensors are not the network's weights, or not those to take unless they are asked for. */
const otherKeys = /optim|sched|scaler|rng|(?:^|[._-])ema(?:$|[._-])|teacher|discriminator|criterion/i;

/** A state dict, and what else could be taken for it. */
export interface FoundStateDict {
  readonly tensors: Map<string, TensorReference>;
  /** Keys of the checkpoint under which other state dicts are: averaged weights, a teacher. */
  readonly others: readonly string[];
}

/**
 * The tensors of the state dict in a checkpoint's value, by name: what is under `key` (keys of inner dicts after a dot),
 * else under a usual key (`state_dict`, `model`, …), else the value itself when it holds tensors, else the only dict in
 * it that does.
 * @throws SteadysegError when there is none, or several and none under a usual key. `source` names the file.
 */
export function findStateDict(value: PickleValue, source: string, key?: string): FoundStateDict {
  if (key !== undefined) {
    const tensors = search(valueAt(value, key, source), source);
    if (tensors) return { tensors, others: [] };
    throw new SteadysegError(`${source}: expected a state dict (tensors by name) under the key "${key}", found none`);
  }
  const tensors = search(value, source);
  const others = value instanceof Map && tensors ? keysOfOthers(value, tensors, source) : [];
  if (tensors) return { tensors, others };
  const candidates = value instanceof Map ? keysOfOthers(value, new Map(), source) : [];
  if (candidates.length > 0) {
    throw new SteadysegError(
      `${source}: expected a state dict under a usual key, found some under ${candidates.join(', ')}: choose with --key`,
    );
  }
  const whole = wholeModelIn(value);
  const found = whole === undefined ? 'none' : `an object of the class ${whole}, which only Python can load`;
  throw new SteadysegError(
    `${source}: expected a state dict (tensors by name), found ${found}: save it in PyTorch with torch.save(model.state_dict(), path)`,
  );
}

/** Of several state dicts, none usual, the first is given where `several` is `first`. Dicts in `entered` are not entered again. */
function search(
  value: PickleValue | undefined,
  source: string,
  several: 'refuse' | 'first' = 'refuse',
  // A hostile file can nest a dict in itself, or name one dict along exponentially many paths: each is entered once.
  entered = new Set<PickleValue>(),
): Map<string, TensorReference> | undefined {
  const within = (candidate: PickleValue | undefined, depth: number): Map<string, TensorReference> | undefined => {
    if (!(candidate instanceof Map) || depth > MAX_NESTING || entered.has(candidate)) return undefined;
    entered.add(candidate);
    for (const key of usualKeys) {
      const found = within(candidate.get(key), depth + 1);
      if (found) return found;
    }
    const tensors = tensorsOf(candidate, source);
    if (tensors.size > 0) return tensors;
    const others = [...candidate].filter(([key]) => typeof key === 'string' && !otherKeys.test(key));
    const found = others.flatMap(([key, inner]) => {
      const dict = within(inner, depth + 1);
      return dict ? [{ key, dict }] : [];
    });
    if (found.length > 1 && several === 'refuse') {
      const keys = found.map(({ key }) => String(key)).join(', ');
      throw new SteadysegError(
        `${source}: expected one state dict, found several: ${keys.slice(0, 200)}: choose with --key`,
      );
    }
    return found[0]?.dict;
  };
  return within(value, 0);
}

/** Keys whose own values are or hold state dicts other than the one taken. Optimisers hold tensors too, but no names. */
function keysOfOthers(
  value: ReadonlyMap<PickleValue, PickleValue>,
  taken: ReadonlyMap<string, TensorReference>,
  source: string,
): string[] {
  const first = taken.values().next().value;
  const entered = new Set<PickleValue>();
  return [...value].flatMap(([key, inner]) => {
    if (typeof key !== 'string' || !(inner instanceof Map) || /optim|sched|scaler|rng/i.test(key)) return [];
    const tensors = search(inner, source, 'first', entered);
    // A best score or a counter among the callbacks is a tensor too.
    const isPart = tensors === undefined || tensors.values().next().value === first || 2 * tensors.size < taken.size;
    return isPart ? [] : [key];
  });
}

/** The value under a key, or under keys of inner dicts with dots between them. */
function valueAt(value: PickleValue, key: string, source: string): PickleValue {
  if (value instanceof Map) {
    const found = value.get(key);
    if (found !== undefined) return found;
    const dots = [...key.matchAll(/\./g)].map(({ index }) => index);
    for (const dot of dots) {
      const inner = value.get(key.slice(0, dot));
      if (inner instanceof Map) return valueAt(inner, key.slice(dot + 1), source);
    }
    const keys = [...value.keys()].filter((name) => typeof name === 'string').join(', ');
    throw new SteadysegError(`${source}: expected the key "${key}", found ${keys.slice(0, 200)}`);
  }
  throw new SteadysegError(`${source}: expected the key "${key}", found no dict of keys`);
}

/** The class of an object that stands where weights are looked for: a model that was pickled whole. */
function wholeModelIn(value: PickleValue): string | undefined {
  if (isUnknownObject(value)) return value.name;
  if (!(value instanceof Map)) return undefined;
  return usualKeys.map((key) => value.get(key)).find(isUnknownObject)?.name;
}

/** @throws SteadysegError for weights of a kind that is not read: leaving them out would leave a hole. */
function tensorsOf(dict: ReadonlyMap<PickleValue, PickleValue>, source: string): Map<string, TensorReference> {
  const tensors = new Map<string, TensorReference>();
  for (const [key, value] of dict) {
    if (typeof key !== 'string') continue;
    if (isTensorReference(value)) tensors.set(key, value);
    else if (isUnknownObject(value) && value.holdsTensors) {
      throw new SteadysegError(
        `${source}: expected "${key.slice(0, 200)}" to be a plain tensor, found one made by ${value.name}: make it dense and save the state dict again`,
      );
    }
  }
  return tensors;
}

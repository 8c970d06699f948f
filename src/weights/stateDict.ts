// Finds the state dict in a checkpoint, takes training's prefixes off its names, and matches names and shapes with a network's.
import { SteadysegError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { bfloat16ToFloat32, float16ToFloat32 } from '../tensor/half.js';
import { elementCount, formatShape, sameShape, type Tensor, tensor, zeros } from '../tensor/tensor.js';
import type { PickleValue } from './pickle.js';
import { isTensorReference, type TensorReference } from './torchGlobals.js';
import type { TensorInfo } from './weightsFile.js';

/** Deepest nesting in which a state dict is looked for: `{'models': {'student': {'state_dict': …}}}` has three levels. */
export const MAX_NESTING = 8;

/** Keys under which training code keeps the weights, best first. */
const usualKeys = ['state_dict', 'model_state_dict', 'model_state', 'model', 'network', 'net', 'student', 'module'];
/** Keys whose tensors are not the network's weights. */
const otherKeys = /optim|sched|scaler|rng|(?:^|[._-])ema(?:$|[._-])|teacher|discriminator|criterion/i;

/**
 * The tensors of the state dict in a checkpoint's value, by name: what is under a usual key (`state_dict`, `model`, …),
 * else the value itself when it holds tensors, else the only dict in it that does.
 * @throws SteadysegError when there is none, or several and none under a usual key. `source` names the file.
 */
export function findStateDict(value: PickleValue, source: string): Map<string, TensorReference> {
  // A hostile file can nest a dict in itself, or name one dict along exponentially many paths: each is entered once.
  const entered = new Set<PickleValue>();
  const search = (candidate: PickleValue | undefined, depth: number): Map<string, TensorReference> | undefined => {
    if (!(candidate instanceof Map) || depth > MAX_NESTING || entered.has(candidate)) return undefined;
    entered.add(candidate);
    for (const key of usualKeys) {
      const found = search(candidate.get(key), depth + 1);
      if (found) return found;
    }
    const tensors = tensorsOf(candidate);
    if (tensors.size > 0) return tensors;
    const others = [...candidate].filter(([key]) => typeof key === 'string' && !otherKeys.test(key));
    const found = others.flatMap(([key, inner]) => {
      const dict = search(inner, depth + 1);
      return dict ? [{ key, dict }] : [];
    });
    if (found.length > 1) {
      const keys = found.map(({ key }) => String(key)).join(', ');
      throw new SteadysegError(
        `${source}: expected one state dict, found several: ${keys.slice(0, 200)}: save the one wanted by itself`,
      );
    }
    return found[0]?.dict;
  };
  const found = search(value, 0);
  if (found) return found;
  throw new SteadysegError(
    `${source}: expected a state dict (tensors by name), found none: save it in PyTorch with torch.save(model.state_dict(), path)`,
  );
}

function tensorsOf(dict: ReadonlyMap<PickleValue, PickleValue>): Map<string, TensorReference> {
  const tensors = new Map<string, TensorReference>();
  for (const [key, value] of dict) {
    if (typeof key === 'string' && isTensorReference(value)) tensors.set(key, value);
  }
  return tensors;
}

/** Wrappers of the network: data parallelism, distillation's student, and the weights in our own checkpoints. */
const wrappers = /^((module|student|parameter)\.)+/;
/** Parts of a training checkpoint beside the network. */
const besideNetwork = /^(teacher|flownet|criterion[^.]*|velocity|convlstm)\./;
/** Wrappers that are taken for such only when every name has them. */
const sharedWrapper = /^(model|network|net)\./;

/**
 * Names as the network has them: `module.`, `student.` and `parameter.` (and `model.`, `network.`, `net.` where every name
 * has it) are taken off; the parts `teacher`, `flownet`, `criterion…`, `velocity` and `convlstm` are dropped.
 * @throws SteadysegError when two names become the same.
 */
export function cleanNames<V>(given: ReadonlyMap<string, V>): { kept: Map<string, V>; dropped: string[] } {
  const dropped: string[] = [];
  let pairs: [name: string, value: V][] = [];
  for (const [name, value] of given) {
    const bare = name.replace(wrappers, '');
    if (besideNetwork.test(bare)) dropped.push(name);
    else pairs.push([bare, value]);
  }
  const shared = sharedWrapper.exec(pairs[0]?.[0] ?? '')?.[0];
  if (shared && pairs.every(([name]) => name.startsWith(shared))) {
    pairs = pairs.map(([name, value]) => [name.slice(shared.length).replace(wrappers, ''), value]);
  }
  const kept = new Map(pairs);
  if (kept.size < pairs.length) {
    const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index)?.[0];
    throw new SteadysegError(`two tensors become ${JSON.stringify(twice)} when module. and student. are taken off`);
  }
  return { kept, dropped };
}

/** How a state dict fits a network. */
export interface StateDictMatch {
  /** Names found with the right shape. */
  readonly matched: readonly string[];
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshapen: readonly { readonly name: string; readonly expected: TensorInfo; readonly found: TensorInfo }[];
  /** What else a person should know, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Compares names, shapes and types. Any floating type will do for another; `num_batches_tracked` may be missing or
 * unexpected, since only training without momentum reads it; a scalar may be stored with shape [1].
 */
export function matchStateDict(
  expected: ReadonlyMap<string, TensorInfo>,
  given: ReadonlyMap<string, TensorInfo>,
): StateDictMatch {
  const matched: string[] = [];
  const missing: string[] = [];
  const misshapen: StateDictMatch['misshapen'][number][] = [];
  for (const [name, want] of expected) {
    const found = given.get(name);
    if (!found) {
      if (!isBatchCount(name)) missing.push(name);
    } else if (fits(want, found)) matched.push(name);
    else misshapen.push({ name, expected: want, found });
  }
  const unexpected = [...given.keys()].filter((name) => !expected.has(name) && !isBatchCount(name));
  return { matched, missing, unexpected, misshapen, notes: stemNotes(misshapen) };
}

function isBatchCount(name: string): boolean {
  return name.endsWith('num_batches_tracked');
}

function fits(want: TensorInfo, found: TensorInfo): boolean {
  const sameKind = isFloating(want) === isFloating(found);
  const scalars = elementCount(want.shape) === 1 && elementCount(found.shape) === 1 && want.shape.length < 2;
  return sameKind && (sameShape(want.shape, found.shape) || (scalars && found.shape.length < 2));
}

function isFloating({ dtype }: TensorInfo): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

/** ResNet files come with two stems that no conversion turns into each other. */
function stemNotes(misshapen: StateDictMatch['misshapen']): string[] {
  const stem = misshapen.find(({ name }) => name === 'layer0.0.weight');
  if (!stem) return [];
  const kernel = (info: TensorInfo) => (info.shape.length === 4 ? info.shape[2] : 0);
  if (kernel(stem.expected) === 3 && kernel(stem.found) === 7) {
    return [
      'the file has the plain 7×7 stem, the network the deep stem of three 3×3 convolutions: take a deep-stem file',
    ];
  }
  if (kernel(stem.expected) === 7 && kernel(stem.found) === 3) {
    return ['the file has the deep stem of three 3×3 convolutions, the network the plain 7×7 stem: take a plain file'];
  }
  return [];
}

/** Whether nothing is missing, unexpected or misshapen. */
export function isCompleteMatch({ missing, unexpected, misshapen }: StateDictMatch): boolean {
  return missing.length + unexpected.length + misshapen.length === 0;
}

/** The match in lines for a person: counts, then at most `limit` names of each kind, with likely mistyped ones side by side. */
export function describeMatch(match: StateDictMatch, limit = 8): string {
  const { matched, missing, unexpected, misshapen, notes } = match;
  const lines = [
    `${matched.length} tensors fit, ${missing.length} missing, ${unexpected.length} unexpected, ${misshapen.length} misshapen`,
  ];
  const list = (title: string, items: readonly string[]) => {
    if (items.length === 0) return;
    const more = items.length > limit ? `, and ${items.length - limit} more` : '';
    lines.push(`${title}: ${items.slice(0, limit).join(', ')}${more}`);
  };
  const guess = (name: string) => {
    const near = suggest(name, unexpected);
    return near ? `${name} (the file has ${near})` : name;
  };
  list(
    'misshapen',
    misshapen.map(
      ({ name, expected, found }) => `${name} (expected ${formatInfo(expected)}, found ${formatInfo(found)})`,
    ),
  );
  list('missing', missing.slice(0, limit).map(guess).concat(missing.slice(limit)));
  list('unexpected', unexpected);
  lines.push(...notes);
  return lines.join('\n');
}

function formatInfo({ dtype, shape }: TensorInfo): string {
  return `${dtype} ${formatShape(shape)}`;
}

/**
 * The network's tensors out of a state dict: as `expected` names and shapes them, floating types widened to float32,
 * absent `num_batches_tracked` zero.
 * @throws SteadysegError with the report when the two do not fit. `source` names the file.
 */
export function loadStateDict(
  expected: ReadonlyMap<string, TensorInfo>,
  given: ReadonlyMap<string, Tensor>,
  source: string,
): Map<string, Tensor> {
  const match = matchStateDict(expected, given);
  if (!isCompleteMatch(match)) {
    throw new SteadysegError(
      `${source}: the weights do not fit the network: ${describeMatch(match).replaceAll('\n', '; ')}`,
    );
  }
  const loaded = new Map<string, Tensor>();
  for (const [name, want] of expected) {
    const found = given.get(name);
    loaded.set(name, found ? reshape(toFloat32(found), want) : zeros('int64', want.shape));
  }
  return loaded;
}

function reshape(value: Tensor, { shape }: TensorInfo): Tensor {
  return { ...value, shape };
}

/** half, bfloat16 and double as float32; every other tensor as it is. */
export function toFloat32(value: Tensor): Tensor {
  const { dtype, shape, data } = value;
  if (dtype === 'float16' && data instanceof Uint16Array) return tensor('float32', shape, float16ToFloat32(data));
  if (dtype === 'bfloat16' && data instanceof Uint16Array) return tensor('float32', shape, bfloat16ToFloat32(data));
  if (dtype === 'float64' && data instanceof Float64Array) return tensor('float32', shape, Float32Array.from(data));
  return value;
}

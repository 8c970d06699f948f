// Matches names and shapes of a state dict with a network's, and loads it.
import { SteadysegError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { bfloat16ToFloat32, float16ToFloat32 } from '../tensor/half.js';
import { elementCount, formatShape, sameShape, type Tensor, tensor, zeros } from '../tensor/tensor.js';
import type { TensorInfo } from './weightsFile.js';

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

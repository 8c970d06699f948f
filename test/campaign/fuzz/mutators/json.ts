// Mutates JSON as values: entries change their type, go, come again, are renamed and nest.
import type { Random } from '#src/tensor/random.js';
import { bytesOfText, edgeNumbers, edgeTexts, type Mutator, oneIn, pick, textOf } from './mutator.js';

type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

/** Deeper than any reader should follow. */
const MAX_NESTING = 20_000;
/** Stands for text that no value of JavaScript makes: deep nesting, numbers beyond its own. */
const placeholder = /"@@(\w+) (\d+)@@"/g;

function edge(random: Random): Value {
  switch (random.integer(9)) {
    case 0:
      return pick(random, [null, true, false]);
    case 1:
      return [];
    case 2:
      return {};
    case 3:
      return pick(random, edgeTexts);
    case 4:
      return Number(pick(random, edgeNumbers)) * (oneIn(random, 2) ? -1 : 1);
    case 5:
      return pick(random, [0.5, 1e-320, 1e308, 1e21, 2 ** 53, -0.1]);
    case 6:
      return `@@deep ${1 + random.integer(MAX_NESTING)}@@`;
    case 7:
      return `@@number ${random.integer(3)}@@`;
    default:
      return Array.from({ length: random.integer(3000) }, () => 0);
  }
}

function count(value: Value): number {
  return value !== null && typeof value === 'object'
    ? 1 + Object.values(value).reduce((sum: number, one) => sum + count(one), 0)
    : 1;
}

/** The value with its n-th part, counted in the order of writing, changed. */
function changed(value: Value, n: number, root: Value, random: Random): Value {
  if (n === 0) return oneIn(random, 4) ? part(root, random.integer(count(root))) : edge(random);
  if (value === null || typeof value !== 'object') return value;
  let left = n - 1;
  const entries = Object.entries(value).map(([key, one]): [string, Value] => {
    const parts = count(one);
    const here = left >= 0 && left < parts;
    const result = here ? changed(one, left, root, random) : one;
    left -= parts;
    return [key, result];
  });
  return Array.isArray(value) ? entries.map(([, one]) => one) : Object.fromEntries(entries);
}

function part(value: Value, n: number): Value {
  if (n === 0 || value === null || typeof value !== 'object') return value;
  let left = n - 1;
  for (const one of Object.values(value)) {
    const parts = count(one);
    if (left < parts) return part(one, left);
    left -= parts;
  }
  return value;
}

/** The value with entries of one of its objects or lists taken away, said again, or renamed. */
function reordered(value: Value, random: Random): Value {
  if (value === null || typeof value !== 'object') return value;
  const inner = Object.entries(value);
  if (inner.length > 0 && oneIn(random, 2)) {
    const [key, one] = pick(random, inner);
    const result = inner.map(([name, old]): [string, Value] => [name, name === key ? reordered(one, random) : old]);
    return Array.isArray(value) ? result.map(([, old]) => old) : Object.fromEntries(result);
  }
  const at = random.integer(inner.length + 1);
  const entries = inner.flatMap(([key, one], index): [string, Value][] => {
    if (index !== at) return [[key, one]];
    switch (random.integer(3)) {
      case 0:
        return [];
      case 1:
        return [[key, one], ...Array.from({ length: 50 }, (_, k): [string, Value] => [`${key}${k}`, one])];
      default:
        return [[pick(random, edgeTexts), one]];
    }
  });
  return Array.isArray(value) ? entries.map(([, one]) => one) : Object.fromEntries(entries);
}

function written(value: Value): string {
  return JSON.stringify(value).replace(placeholder, (_, kind: string, number: string) => {
    if (kind === 'deep') return '['.repeat(Number(number)) + ']'.repeat(Number(number));
    return ['1e400', '9007199254740993', '-0'][Number(number)];
  });
}

/** Mutates JSON text; text that is none comes back as it is. */
export function mutatedJson(text: string, random: Random): string {
  // It nests deeper already than these functions go.
  if (text.includes('['.repeat(100))) return text;
  let value: Value;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  for (let left = 1 + random.integer(3); left > 0; left--) {
    value = oneIn(random, 3) ? reordered(value, random) : changed(value, random.integer(count(value)), value, random);
  }
  return written(value);
}

export const mutateJson: Mutator = (bytes, random) => bytesOfText(mutatedJson(textOf(bytes), random));

/** The same for a file with a value on each line. */
export const mutateJsonLines: Mutator = (bytes, random) => {
  const lines = textOf(bytes).split('\n');
  for (let left = 1 + random.integer(3); left > 0; left--) {
    const at = random.integer(lines.length);
    if (oneIn(random, 4)) lines.splice(at, oneIn(random, 2) ? 1 : 0, pick(random, lines));
    else lines[at] = mutatedJson(lines[at], random);
  }
  return bytesOfText(lines.join('\n'));
};

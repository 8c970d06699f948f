// Option parsers and output that several commands share.
import { InvalidArgumentError } from 'commander';
import { isSide, MAX_SIDE } from '../segment/views.js';

/** The number a text is; NaN for none, and for nothing. */
function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** Parses a finite number above 0. */
export function positive(text: string): number {
  const value = numberOf(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError(`expected a number above 0, found "${text}".`);
  }
  return value;
}

/** Parses a share from 0 to 1. */
export function share(text: string): number {
  const value = numberOf(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError(`expected a number from 0 to 1, found "${text}".`);
  return value;
}

/** Parses finite numbers with commas between them. */
export function numbers(text: string): number[] {
  const values = text.split(',').map(numberOf);
  if (!values.every(Number.isFinite)) {
    throw new InvalidArgumentError(`expected numbers with commas between them, found "${text}".`);
  }
  return values;
}

/** Parses a whole number ≥ `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (!Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`expected a whole number of at least ${minimum}, found "${text}".`);
    }
    return value;
  };
}

/** Parses a size `HEIGHTxWIDTH` in pixels. */
export function heightByWidth(text: string): { height: number; width: number } {
  const match = /^(\d+)x(\d+)$/.exec(text);
  const [height, width] = match ? [Number(match[1]), Number(match[2])] : [0, 0];
  if (!isSide(height) || !isSide(width)) {
    throw new InvalidArgumentError(
      `expected HEIGHTxWIDTH in pixels such as 512x1024, sides from 1 to ${MAX_SIDE}, found "${text}".`,
    );
  }
  return { height, width };
}

/** Prints the one JSON object of `--json`, or the readable text, on stdout. */
export function printResult(json: boolean | undefined, result: object, readable: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${readable()}\n`);
}

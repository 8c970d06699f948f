// Option parsers and output that several commands share.
import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { printable, printableJson } from '../base/printable.js';
import type { FrameRate } from '../media/video.js';
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

/** Parses a time in seconds, or as `minutes:seconds` or `hours:minutes:seconds`. */
export function time(text: string): number {
  const match = /^(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)$/.exec(text);
  const [hours, minutes, seconds] = match ? match.slice(1).map((part) => Number(part ?? 0)) : [0, 0, Number.NaN];
  if (!(seconds < (match?.[2] === undefined ? Number.POSITIVE_INFINITY : 60))) {
    throw new InvalidArgumentError(`expected seconds, or a time such as 1:30 or 0:01:30.5, found "${text}".`);
  }
  return 3600 * hours + 60 * minutes + seconds;
}

/** Parses frames per second: a whole number, a decimal (to thousandths) or a fraction such as 30000/1001. */
export function frameRate(text: string): FrameRate {
  const match = /^(\d+(?:\.\d{1,3})?)(?:\/(\d+))?$/.exec(text);
  const numerator = Math.round(Number(match?.[1]) * 1000);
  const denominator = Number(match?.[2] ?? 1) * 1000;
  if (!(numerator > 0 && denominator > 0 && numerator <= 1000 * denominator)) {
    throw new InvalidArgumentError(`expected frames per second such as 25, 29.97 or 30000/1001, found "${text}".`);
  }
  const divisor = greatestCommonDivisor(numerator, denominator);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The threads to use of those asked for: no more than there are cores, with a word where that is fewer. */
export function cappedThreads(asked: number | undefined): number | undefined {
  const cores = availableParallelism();
  if (asked === undefined || asked <= cores) return asked;
  process.stderr.write(`note: --threads ${asked}: there are ${cores} cores, so ${cores} threads are used\n`);
  return cores;
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
  process.stdout.write(`${json ? printableJson(result) : printable(readable())}\n`);
}

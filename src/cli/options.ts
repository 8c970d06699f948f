// Option parsers and output that several commands share.
import { InvalidArgumentError } from 'commander';

/** Parses a whole number ≥ `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`expected a whole number of at least ${minimum}, found "${text}".`);
    }
    return value;
  };
}

/** Parses a size `HEIGHTxWIDTH` in pixels. */
export function heightByWidth(text: string): { height: number; width: number } {
  const match = /^(\d+)x(\d+)$/.exec(text);
  const [height, width] = match ? [Number(match[1]), Number(match[2])] : [0, 0];
  if (height < 1 || width < 1) {
    throw new InvalidArgumentError(`expected HEIGHTxWIDTH in pixels such as 512x1024, found "${text}".`);
  }
  return { height, width };
}

/** Prints the one JSON object of `--json`, or the readable text, on stdout. */
export function printResult(json: boolean | undefined, result: object, readable: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${readable()}\n`);
}

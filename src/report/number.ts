// Numbers as reports show them.

/** `percent`: a share 0..1 as `69.35 %`. `number`: four significant digits. `count`: a whole number with its thousands apart. */
export type NumberFormat = 'percent' | 'number' | 'count';

const thousands = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A value as text; what is undefined or not a number is a dash. */
export function formatNumber(value: number | undefined, format: NumberFormat): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (format === 'percent') return `${(value * 100).toFixed(2)} %`;
  if (format === 'count') return thousands.format(value);
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)
    ? value.toExponential(3)
    : String(Number(value.toPrecision(4)));
}

/** Round numbers that divide low..high into about `count` steps; the first is ≤ low, the last ≥ high. */
export function niceTicks(low: number, high: number, count: number): number[] {
  const span = high > low ? high - low : Math.abs(low) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10) * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// Channel numbers of networks that are made narrower or wider.

/**
 * `channels · multiplier`, rounded to the nearest multiple of 8 (at least 8, and never below 90 % of the product),
 * as MobileNets do; the vector units that compute convolutions work on such blocks.
 */
export function scaleWidth(channels: number, multiplier: number): number {
  if (multiplier === 1) return channels;
  const wanted = channels * multiplier;
  const rounded = Math.max(8, Math.floor((wanted + 4) / 8) * 8);
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

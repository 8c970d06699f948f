// How images are normalised for networks that start from ImageNet weights.

type Channels = readonly [number, number, number];

/** Mean colour of ImageNet, RGB, of values 0..255 (SPEC §0). */
export const imageNetMean: Channels = [0.485 * 255, 0.456 * 255, 0.406 * 255];

/** Standard deviation of ImageNet's colours, RGB, of values 0..255. */
export const imageNetStd: Channels = [0.229 * 255, 0.224 * 255, 0.225 * 255];

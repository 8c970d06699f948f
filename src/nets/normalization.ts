// How images are normalised for networks that start from ImageNet weights.

type Channels = readonly [number, number, number];

/** Mean colour of ImageNet, RGB, of values 0..1. */
export const imageNetMean: Channels = [0.485, 0.456, 0.406];

/** Standard deviation of ImageNet's colours, RGB, of values 0..1. */
export const imageNetStd: Channels = [0.229, 0.224, 0.225];

// The random changes of a training sample (SPEC §4), as one map from the pixels of the crop to those of the source.
import type { Size } from '../media/image.js';
import type { Random } from '../tensor/random.js';
import type { ColorChange } from './colorChange.js';

/** How samples are changed; probabilities are 0..1. */
export interface Augmentation {
  /** Range of the scale, uniform. */
  readonly scale: readonly [low: number, high: number];
  /** Largest angle of rotation in degrees, uniform both ways, and how often there is one. */
  readonly rotation: number;
  readonly rotationProbability: number;
  /** How often the picture is blurred (5×5 Gaussian, σ 1.1). */
  readonly blurProbability: number;
  /** How often left and right are exchanged. */
  readonly flipProbability: number;
  /** Largest relative change of brightness, contrast and saturation, 0..1; each uniform both ways. */
  readonly colorJitter: number;
}

/** The published recipe's changes. */
export const publishedAugmentation: Augmentation = {
  scale: [0.5, 2],
  rotation: 10,
  rotationProbability: 0.5,
  blurProbability: 0.5,
  flipProbability: 0.5,
  colorJitter: 0,
};

/** No changes but the crop. */
export const noAugmentation: Augmentation = {
  scale: [1, 1],
  rotation: 0,
  rotationProbability: 0,
  blurProbability: 0,
  flipProbability: 0,
  colorJitter: 0,
};

/** What was drawn for one sample; all its frames, labels and flow share it. */
export interface Draw {
  /** Size of the whole picture after scaling. */
  readonly scaled: Size;
  /** Radians, clockwise on the screen. */
  readonly angle: number;
  readonly blur: boolean;
  readonly flip: boolean;
  readonly color: ColorChange;
  /** Where the crop's upper left corner lies in the scaled, rotated and flipped picture; negative where it is padded. */
  readonly left: number;
  readonly top: number;
}

/** Draws the changes for a picture of size `source`. The same number of random numbers is used whatever comes of it. */
export function drawAugmentation(random: Random, augmentation: Augmentation, source: Size, crop: Size): Draw {
  const { scale, rotation, rotationProbability, blurProbability, flipProbability, colorJitter } = augmentation;
  const factor = scale[0] + (scale[1] - scale[0]) * random.uniform();
  const turns = random.uniform() < rotationProbability;
  const degrees = rotation * (2 * random.uniform() - 1);
  const blur = random.uniform() < blurProbability;
  const flip = random.uniform() < flipProbability;
  const scaled = {
    height: Math.max(1, Math.round(source.height * factor)),
    width: Math.max(1, Math.round(source.width * factor)),
  };
  // A smaller picture lies in the middle of its crop.
  const start = (whole: number, part: number) => {
    const u = random.uniform();
    return whole >= part ? Math.floor(u * (whole - part + 1)) : -Math.floor((part - whole) / 2);
  };
  const top = start(scaled.height, crop.height);
  const left = start(scaled.width, crop.width);
  const change = () => 1 - colorJitter + 2 * colorJitter * random.uniform();
  const color = { brightness: change(), contrast: change(), saturation: change() };
  return { scaled, angle: turns ? (degrees * Math.PI) / 180 : 0, blur, flip, color, left, top };
}

/**
 * Where the crop's pixels lie in the source: pixel (x, y) of the crop is at
 * `(xx·x + xy·y + x0, yx·x + yy·y + y0)`, pixel centres being whole numbers in both.
 */
export interface Sampling {
  readonly xx: number;
  readonly xy: number;
  readonly x0: number;
  readonly yx: number;
  readonly yy: number;
  readonly y0: number;
  /** The part of the crop that the scaled picture's canvas covers: first column and row, and those after the last. */
  readonly canvas: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

/** The map of a draw: the crop is moved into the canvas, flipped back, rotated back about the centre, scaled back. */
export function samplingOf(draw: Draw, source: Size, crop: Size): Sampling {
  const { scaled, angle, flip, left, top } = draw;
  const scaleX = source.width / scaled.width;
  const scaleY = source.height / scaled.height;
  const sign = flip ? -1 : 1;
  const cosine = Math.cos(angle);
  const sine = Math.sin(angle);
  // From the canvas' centre: (px, py) = (sign·(x + left + ½ - width/2), y + top + ½ - height/2).
  const px = sign * (left + 0.5 - scaled.width / 2);
  const py = top + 0.5 - scaled.height / 2;
  return {
    xx: scaleX * cosine * sign,
    xy: scaleX * sine,
    x0: scaleX * (cosine * px + sine * py) + source.width / 2 - 0.5,
    yx: -scaleY * sine * sign,
    yy: scaleY * cosine,
    y0: scaleY * (-sine * px + cosine * py) + source.height / 2 - 0.5,
    canvas: {
      left: Math.max(0, -left),
      top: Math.max(0, -top),
      right: Math.min(crop.width, scaled.width - left),
      bottom: Math.min(crop.height, scaled.height - top),
    },
  };
}

// Changes of a picture's brightness, contrast and saturation.
import type { RgbImage } from '../media/image.js';
import { imageNetMean } from '../nets/normalization.js';

/** Factors; 1 changes nothing. */
export interface ColorChange {
  readonly brightness: number;
  /** About the grey of ImageNet's mean colour. */
  readonly contrast: number;
  /** 0 leaves greys only. */
  readonly saturation: number;
}

/** Shares of red, green and blue in a grey (ITU-R BT.601). */
const luma = [0.299, 0.587, 0.114] as const;

const middle = luma.reduce((sum, share, channel) => sum + share * imageNetMean[channel], 0);

/** The picture with its colours changed, rounded and kept within 0..255: brightness first, then contrast, then saturation. */
export function changeColors(image: RgbImage, { brightness, contrast, saturation }: ColorChange): RgbImage {
  if (brightness === 1 && contrast === 1 && saturation === 1) return image;
  // With grey g, the three steps are one map of each channel v: saturation·k·v + (1 - saturation)·k·g + offset.
  const gain = brightness * contrast;
  const own = saturation * gain;
  const shared = (1 - saturation) * gain;
  const offset = (1 - contrast) * middle;
  const { data } = image;
  const changed = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const grey = luma[0] * data[i] + luma[1] * data[i + 1] + luma[2] * data[i + 2];
    const rest = shared * grey + offset;
    changed[i] = own * data[i] + rest;
    changed[i + 1] = own * data[i + 1] + rest;
    changed[i + 2] = own * data[i + 2] + rest;
  }
  return { ...image, data: new Uint8Array(changed.buffer) };
}

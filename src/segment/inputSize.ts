// The size that a network is given pictures at.
import type { Size } from '../media/image.js';
import type { NetworkDescription } from './network.js';

/** The network's own size; where that is free, the picture's, each side to the nearest multiple that it takes. */
export function inputSize(
  { height, width, sizeMultiple }: Pick<NetworkDescription, 'height' | 'width' | 'sizeMultiple'>,
  picture: Size,
): Size {
  const nearest = (side: number) => Math.max(1, Math.round(side / sizeMultiple)) * sizeMultiple;
  return { height: height ?? nearest(picture.height), width: width ?? nearest(picture.width) };
}

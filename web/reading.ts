// How a network of the visitor's is to be read, where its file does not say it.
import { type LoadOptions, presetClasses } from '../src/web.js';

/** What the visitor says of a network; empty: as the file says. */
export interface Reading {
  /** The preset of its classes. */
  readonly preset: string;
  /** What it takes pixels as. */
  readonly pixels: string;
}

export const asTheFileSays: Reading = { preset: '', pixels: '' };

/** Mean, deviation and factor by what networks are trained with. */
const pixelOptions: Readonly<Record<string, Pick<LoadOptions, 'mean' | 'std' | 'scale'>>> = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  bytes: { scale: 1 },
  shares: { scale: 1 / 255 },
  symmetric: { mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
};

export function readingOptions({ preset, pixels }: Reading): Pick<LoadOptions, 'classes' | 'mean' | 'std' | 'scale'> {
  return { classes: preset === '' ? undefined : presetClasses(preset), ...pixelOptions[pixels] };
}

// Pixels that a module of the caller's makes or reads, in whichever thread they are wanted.
import { messageOf, SteadysegError } from '../base/errors.js';
import { checkImage, checkLabelMap, type LabelMap, type OpticalFlow, type RgbImage } from '../media/image.js';
import type { ModuleReference } from './dataset.js';

/** What the module of a `ModuleReference` exports: of these what is referred to. The same key always gives the same. */
export interface SampleModule {
  /** The colours of a frame. */
  image?(key: string): RgbImage | Promise<RgbImage>;
  /** Train ids, 255 where there is none; ids that are no class become 255. */
  labels?(key: string): LabelMap | Promise<LabelMap>;
  /** The flow from a frame to another. */
  flow?(key: string): OpticalFlow | Promise<OpticalFlow>;
}

/** @throws SteadysegError naming the module, when it cannot be imported, throws, or gives no picture. */
export function imageOf(reference: ModuleReference): Promise<RgbImage> {
  return madeBy(reference, 'image', checkImage);
}

/** As `imageOf`, of labels. */
export function labelsOf(reference: ModuleReference): Promise<LabelMap> {
  return madeBy(reference, 'labels', checkLabelMap);
}

/** As `imageOf`, of flow. */
export function flowOf(reference: ModuleReference): Promise<OpticalFlow> {
  return madeBy(reference, 'flow', ({ width, height, data }) => {
    if (data instanceof Float32Array && data.length === 2 * width * height) return;
    throw new SteadysegError(`expected flow of ${width}×${height} as a Float32Array of ${2 * width * height} numbers`);
  });
}

async function madeBy<Name extends keyof SampleModule>(
  { url, key }: ModuleReference,
  name: Name,
  check: (value: Given<Name>) => void,
): Promise<Given<Name>> {
  try {
    const source: SampleModule = await import(url);
    const make = source[name] as ((key: string) => Given<Name> | Promise<Given<Name>>) | undefined;
    if (typeof make !== 'function') throw new SteadysegError(`expected an exported function "${name}", found none`);
    const value = await make(key);
    check(value);
    return value;
  } catch (thrown) {
    throw new SteadysegError(`${url}: the ${name} of "${key}": ${messageOf(thrown)}`, { cause: thrown });
  }
}

type Given<Name extends keyof SampleModule> = Awaited<ReturnType<NonNullable<SampleModule[Name]>>>;

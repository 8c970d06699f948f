// A flow source by what a user names: a method, a folder of flow files, or a network.
import { UsageError } from '../base/errors.js';
import { isFolder } from '../base/files.js';
import { suggest } from '../base/suggest.js';
import { type CachedFlowSource, cachedFlow, type FlowCacheOptions } from './cache.js';
import { type FarnebackOptions, farnebackFlow } from './farneback.js';
import { folderFlow } from './folder.js';
import { inverseSearchFlow } from './inverseSearch.js';
import { type NetworkFlowOptions, networkFlow } from './network.js';
import type { FlowSource } from './source.js';

/** How the source that a name stands for is opened. */
export interface OpenFlowOptions extends NetworkFlowOptions {
  /** Where computed flow is kept; `false` keeps none. Flow from a folder is never copied. Default: the default folder. */
  readonly cache?: FlowCacheOptions | false | undefined;
  /** Parameters of Farneback, when that is the method. */
  readonly farneback?: FarnebackOptions | undefined;
}

/** The methods that need no file, by the names that users give. */
const methods: Record<string, (options: OpenFlowOptions) => FlowSource> = {
  farneback: ({ farneback, threads }) => farnebackFlow({ threads, ...farneback }),
  dis: ({ threads }) => inverseSearchFlow({ threads }),
  'dis-ultrafast': ({ threads }) => inverseSearchFlow({ preset: 'ultrafast', threads }),
  'dis-fast': ({ threads }) => inverseSearchFlow({ preset: 'fast', threads }),
  'dis-medium': ({ threads }) => inverseSearchFlow({ preset: 'medium', threads }),
};

/** Whether a name stands for a method that needs no file: `farneback`, `dis` (its default preset), `dis-fast`, …. */
export function isFlowMethod(name: string): boolean {
  return Object.hasOwn(methods, name);
}

/**
 * Opens `farneback`, `dis` (or `dis-ultrafast`, `dis-fast`, `dis-medium`), a folder of `.flo` or KITTI files, or an `.onnx` flow
 * network, with a cache before what is computed.
 * @throws UsageError when `method` is none of these; SteadysegError when the folder or model cannot be used.
 */
export async function openFlowSource(
  method: string,
  options: OpenFlowOptions = {},
): Promise<FlowSource | CachedFlowSource> {
  const { cache = {}, farneback: _, ...network } = options;
  const computed = async () => {
    if (isFlowMethod(method)) return methods[method](options);
    if (method.toLowerCase().endsWith('.onnx')) return await networkFlow(method, network);
    return undefined;
  };
  const source = await computed();
  if (source) return cache === false ? source : cachedFlow(source, cache);
  if (await isFolder(method)) return await folderFlow(method);
  const near = suggest(method, Object.keys(methods));
  throw new UsageError(
    `flow: expected farneback, dis (-ultrafast, -fast, -medium), a folder of flow files, or a network (.onnx), found "${method}"` +
      (near ? `; did you mean ${near}?` : ', which is none of these'),
  );
}

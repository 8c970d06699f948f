// Where a model's preprocessing is said: by the caller, in its metadata, in a file beside it.
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { messageOf, SteadysegError } from '../base/errors.js';
import { exists, readFileBounded } from '../base/files.js';
import { problemOf } from '../base/problem.js';
import type { ModelDescription } from '../onnx/metadata.js';
import {
  applyPreprocessing,
  type Channels,
  defaultPreprocessing,
  describedPreprocessing,
  inPixels,
  type PreprocessingConfig,
  type PreprocessingOptions,
} from './preprocessing.js';
import { isSide, MAX_SIDE } from './views.js';

/** A configuration is a page of JSON; anything larger is another file. */
const MAX_CONFIG_BYTES = 1 << 20;
const configName = 'preprocessor_config.json';

const channels = v.union([v.number(), v.tuple([v.number(), v.number(), v.number()])]);
const side = v.pipe(
  v.number(),
  v.check(isSide, ({ input }) => `expected whole pixels from 1 to ${MAX_SIDE}, found ${input}`),
);
const size = v.union([v.number(), v.looseObject({ height: v.optional(side), width: v.optional(side) })]);
/** The fields of Hugging Face's image processors that say how pixels are scaled; null stands for absent there. */
const configSchema = v.looseObject({
  do_rescale: v.nullish(v.boolean(), true),
  rescale_factor: v.nullish(v.number(), 1 / 255),
  do_normalize: v.nullish(v.boolean(), true),
  image_mean: v.nullish(channels, [0.485, 0.456, 0.406]),
  image_std: v.nullish(channels, [0.229, 0.224, 0.225]),
  do_flip_channel_order: v.nullish(v.boolean(), false),
  do_resize: v.nullish(v.boolean(), true),
  size: v.nullish(size),
});

/**
 * The preprocessing of a model: what the caller says, else its metadata, else `preprocessor_config.json` beside it
 * (the form of Hugging Face), else SPEC's default.
 */
export async function choosePreprocessing(
  path: string | undefined,
  description: ModelDescription,
  options: PreprocessingOptions,
): Promise<PreprocessingConfig> {
  return applyPreprocessing(await findPreprocessing(path, description), options);
}

async function findPreprocessing(
  path: string | undefined,
  description: ModelDescription,
): Promise<PreprocessingConfig> {
  const described = describedPreprocessing(description);
  if (described) return { preprocessing: described };
  const beside = path === undefined ? undefined : join(dirname(path), configName);
  if (beside !== undefined && (await exists(beside))) return readPreprocessorConfig(beside);
  return { preprocessing: { ...defaultPreprocessing, channelOrder: description.channelOrder ?? 'rgb' } };
}

/** Reads a `preprocessor_config.json`. @throws SteadysegError naming the file and field that is not understood. */
export async function readPreprocessorConfig(path: string): Promise<PreprocessingConfig> {
  let content: unknown;
  const bytes = await readFileBounded(path, MAX_CONFIG_BYTES);
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch (thrown) {
    throw new SteadysegError(`${path}: expected JSON: ${messageOf(thrown)}`, { cause: thrown });
  }
  const result = v.safeParse(configSchema, content);
  if (!result.success) {
    const [issue] = result.issues;
    throw new SteadysegError(`${path}: "${v.getDotPath(issue) ?? ''}": ${problemOf(issue)}`);
  }
  const config = result.output;
  const normalise = config.do_normalize;
  const { mean, std } = inPixels(
    normalise ? eachChannel(config.image_mean) : [0, 0, 0],
    normalise ? eachChannel(config.image_std) : [1, 1, 1],
    config.do_rescale ? config.rescale_factor : 1,
    path,
  );
  const { height, width } = typeof config.size === 'object' ? { ...config.size } : {};
  return {
    preprocessing: { mean, std, channelOrder: config.do_flip_channel_order ? 'bgr' : 'rgb' },
    ...(config.do_resize && height && width && { size: { height, width } }),
  };
}

function eachChannel(value: number | [number, number, number]): Channels {
  return typeof value === 'number' ? [value, value, value] : value;
}

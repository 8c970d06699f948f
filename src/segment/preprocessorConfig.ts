// `preprocessor_config.json` of Hugging Face: how an image processor scales, normalises and resizes.
import * as v from 'valibot';
import { messageOf, SteadysegError } from '../base/errors.js';
import { MAX_CONFIG_BYTES, readFileBounded } from '../base/files.js';
import { problemOf } from '../base/problem.js';
import { type Channels, inPixels, type PreprocessingConfig } from './preprocessing.js';
import { isSide, MAX_SIDE } from './views.js';

const channels = v.union([v.number(), v.tuple([v.number(), v.number(), v.number()])]);
const side = v.pipe(
  v.number(),
  v.check(isSide, ({ input }) => `expected whole pixels from 1 to ${MAX_SIDE}, found ${input}`),
);
const size = v.union([
  v.number(),
  v.tuple([side, side]),
  v.looseObject({ height: v.nullish(side), width: v.nullish(side), shortest_edge: v.nullish(v.number()) }),
]);
/** The fields of Hugging Face's image processors that say how pixels are scaled; null stands for absent there. */
const configSchema = v.looseObject({
  image_processor_type: v.nullish(v.string()),
  feature_extractor_type: v.nullish(v.string()),
  do_rescale: v.nullish(v.boolean(), true),
  rescale_factor: v.nullish(v.number(), 1 / 255),
  do_normalize: v.nullish(v.boolean()),
  image_mean: v.nullish(channels),
  image_std: v.nullish(channels),
  do_flip_channel_order: v.nullish(v.boolean()),
  do_resize: v.nullish(v.boolean(), true),
  size: v.nullish(size),
  size_divisor: v.nullish(side),
  ensure_multiple_of: v.nullish(side),
  do_center_crop: v.nullish(v.boolean(), false),
  crop_size: v.nullish(size),
  do_reduce_labels: v.nullish(v.boolean()),
  reduce_labels: v.nullish(v.boolean()),
});
type Config = v.InferOutput<typeof configSchema>;

const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
/** What processors normalise by where the file does not say, by the beginning of their type's name; null: they never do. */
const usual: readonly (readonly [type: string, normalisation: typeof imageNet | typeof half | null])[] = [
  ['MobileViT', null],
  ['Segformer', imageNet],
  ['Mask2Former', imageNet],
  ['MaskFormer', imageNet],
  ['OneFormer', imageNet],
  ['Beit', half],
  ['DPT', half],
  ['ViT', half],
  ['MobileNetV1', half],
  ['MobileNetV2', half],
];
/** Of those, the ones for which a size of one number is that of the shorter side; for others it is a square. */
const byShortSide = /^(MobileViT|MobileNet|Mask|OneFormer)/;

/** Reads a `preprocessor_config.json`. @throws SteadysegError naming the file and field that is not understood. */
export async function readPreprocessorConfig(path: string): Promise<PreprocessingConfig> {
  const config = await readConfigFile(path, configSchema);
  const type = config.image_processor_type ?? config.feature_extractor_type ?? '';
  const { mean, std } = normalisationOf(config, type);
  // Without rescaling pixels come as they are, or in 0..1 where mean and std are of that range.
  const scale = config.do_rescale ? config.rescale_factor : undefined;
  const { normalisation, notes: guessed } = inPixels({ mean, std, scale }, path);
  const reversed = config.do_flip_channel_order ?? type.startsWith('MobileViT');
  const { size: inputSize, notes: unsized } = sizeOf(config, type, path);
  const notes = [...guessed, ...unsized];
  const sizeMultiple = config.size_divisor ?? config.ensure_multiple_of;
  const reduced = config.do_reduce_labels ?? config.reduce_labels ?? false;
  return {
    preprocessing: { ...normalisation, channelOrder: reversed ? 'bgr' : 'rgb' },
    origin: path,
    ...(inputSize && { size: inputSize }),
    ...(sizeMultiple && { sizeMultiple }),
    notes: reduced
      ? [
          ...notes,
          `${path}: labels of its dataset count from 1, and 0 is ignored (evaluate --reduce-zero-label); the classes here begin with 0`,
        ]
      : notes,
  };
}

/** Reads a small JSON file. @throws SteadysegError naming the file and field that is not understood. */
export async function readConfigFile<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const bytes = await readFileBounded(path, MAX_CONFIG_BYTES);
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch (thrown) {
    throw new SteadysegError(`${path}: expected JSON: ${messageOf(thrown)}`, { cause: thrown });
  }
  const result = v.safeParse(schema, content);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new SteadysegError(`${path}: "${v.getDotPath(issue) ?? ''}": ${problemOf(issue)}`);
}

/** Mean and std of pixels that were rescaled: what the file says, else what processors of its type take. */
function normalisationOf(config: Config, type: string): { mean: Channels; std: Channels } {
  const known = usual.find(([prefix]) => type.startsWith(prefix))?.[1];
  const said = config.image_mean != null || config.image_std != null;
  // Older files leave `do_normalize` out: processors that cannot normalise have no mean either.
  const normalises = config.do_normalize ?? (known === null ? false : said || known !== undefined);
  if (!normalises) return { mean: [0, 0, 0], std: [1, 1, 1] };
  const { mean, std } = known ?? imageNet;
  return { mean: eachChannel(config.image_mean ?? mean), std: eachChannel(config.image_std ?? std) };
}

/** The input size of a network that leaves it open: what pictures are resized or cropped to. */
function sizeOf(config: Config, type: string, path: string): { size: PreprocessingConfig['size']; notes: string[] } {
  const square = (edge: number) => (isSide(edge) ? { height: edge, width: edge } : undefined);
  const whole = (said: Config['size']): PreprocessingConfig['size'] => {
    if (said == null) return undefined;
    if (typeof said === 'number') return byShortSide.test(type) || type === '' ? undefined : square(said);
    if (Array.isArray(said)) return { height: said[0], width: said[1] };
    return said.height != null && said.width != null ? { height: said.height, width: said.width } : undefined;
  };
  const cropped = config.do_center_crop
    ? (whole(config.crop_size) ?? (typeof config.crop_size === 'number' ? square(config.crop_size) : undefined))
    : undefined;
  const resized = config.do_resize ? whole(config.size) : undefined;
  const size = cropped ?? resized;
  if (size) return { size, notes: [] };
  const other = config.do_resize && config.size != null;
  return {
    size: undefined,
    notes: other
      ? [`${path}: its size keeps the frame's proportions: frames are taken as they are, --size gives another`]
      : [],
  };
}

function eachChannel(value: number | readonly [number, number, number]): Channels {
  return typeof value === 'number' ? [value, value, value] : value;
}

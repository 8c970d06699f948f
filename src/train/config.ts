// The training configuration: its schema with defaults, and its YAML file with `key=value` changes.
import { basename } from 'node:path';
import * as v from 'valibot';
import type { Document } from 'yaml';
import { messageOf, UsageError } from '../base/errors.js';
import { MAX_CONFIG_BYTES, readFileBounded } from '../base/files.js';
import { problemOf } from '../base/problem.js';
import { suggest } from '../base/suggest.js';
import { readYaml } from '../base/yaml.js';
import { publishedAugmentation } from '../data/augmentation.js';
import { datasetLayouts } from '../data/datasets.js';
import { labelIdKinds } from '../data/labelFiles.js';
import { architectureNames } from '../nets/registry.js';
import { scoreKinds } from '../segment/trace.js';
import { publishedSgd } from './optimizer.js';

const count = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.integer(), v.minValue(minimum), v.maxValue(maximum));
/** Larger crops are larger than any frame that is read. */
const MAX_CROP_SIDE = 16384;
/** No machine has more to give. */
const MAX_THREADS = 1024;
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const positive = v.pipe(v.number(), v.gtValue(0));
const belowOne = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
const notNegative = v.pipe(v.number(), v.minValue(0));
/** A path, or a name in its place; `$NAME` at its start becomes the environment's value. */
const expandedPath = v.pipe(
  v.string(),
  v.rawTransform(({ dataset: { value }, addIssue }) =>
    value.replace(/^\$(\w+)/, (whole, name: string) => {
      const found = process.env[name];
      if (found === undefined) {
        addIssue({ message: `expected the environment variable ${shortened(name)} to be set, found none` });
      }
      return found || whole;
    }),
  ),
);

/** A key with its default and what it means; the documentation is made from these. */
const key = <S extends v.GenericSchema, D extends v.InferInput<S>>(schema: S, fallback: D, description: string) =>
  v.pipe(v.optional(schema, fallback), v.description(description));
const optionalKey = <S extends v.GenericSchema>(schema: S, description: string) =>
  v.pipe(v.optional(schema), v.description(description));
const requiredKey = <S extends v.GenericSchema>(schema: S, description: string) =>
  v.pipe(schema, v.description(description));

/** The layout of datasets that a program hands to `train`. */
export const ownLayout = 'own';

const datasetEntries = {
  layout: requiredKey(
    v.picklist([...datasetLayouts, ownLayout]),
    'how the files lie: cityscapes, toycity, camvid, vspw or list; own: as the program says that calls train',
  ),
  root: requiredKey(
    expandedPath,
    'folder of the dataset, or the list file; $NAME is taken from the environment; of own data a name, which a resume compares',
  ),
  split: optionalKey(v.string(), 'which part; default: train for training, val for validation'),
  classes: optionalKey(
    expandedPath,
    "a preset's name or a class file ($NAME as in root); default: the layout's own classes",
  ),
  ids: optionalKey(
    v.picklist(labelIdKinds),
    "what the values of label files mean: trainIds; Cityscapes' labelIds; reduceZeroLabel (0 is void, class k is k + 1; vspw is the same); binary (masks of 0 and 255); palette (the classes' colours); auto (told by the file name); default: as is usual in the layout",
  ),
  flow: optionalKey(expandedPath, 'folder of .flo files between neighbouring frames; $NAME as in root'),
  range: optionalKey(
    v.tuple([count(0), count(1)]),
    'the first sample, and the one after the last; the frames of others are not used as neighbours either',
  ),
};

const dataSchema = v.strictObject({
  ...datasetEntries,
  extra: optionalKey(
    v.strictObject({
      ...datasetEntries,
      classes: optionalKey(expandedPath, "as in 'data'; default: its classes"),
      perBatch: requiredKey(count(1), 'how many samples of each batch are taken from here'),
      labels: key(
        v.boolean(),
        false,
        'whether its labels (pseudo labels) are used; without, only the losses that need none count',
      ),
    }),
    'frames without labels, or with pseudo labels, that every batch has some of',
  ),
});

const optimizerKeys = v.strictObject({
  method: key(
    v.picklist(['sgd', 'adam', 'adamw']),
    'sgd',
    'stochastic gradient descent, Adam, or AdamW (decoupled decay)',
  ),
  rate: optionalKey(positive, 'learning rate; default: 0.01 with sgd, 0.001 with adam and adamw'),
  schedule: key(
    v.picklist(['polynomial', 'cosine', 'constant']),
    'polynomial',
    'how the rate falls: as (1 - step/steps)^power, as half a cosine, or not',
  ),
  power: optionalKey(notNegative, 'of the polynomial schedule; default: 0.9'),
  warmup: key(count(0), 0, 'steps over which the rate rises from nothing, linearly'),
  warmupFrom: optionalKey(
    share,
    'share of the rate that the first step of the rise has, such as 1e-6; default: 1/warmup',
  ),
  momentum: optionalKey(share, 'of sgd; default: 0.9'),
  betas: optionalKey(
    v.tuple([belowOne, belowOne]),
    'of adam and adamw: what the means of the gradient and of its square keep at each step; default: [0.9, 0.999]',
  ),
  epsilon: optionalKey(positive, "of adam and adamw: added to the root of the square's mean; default: 1e-8"),
  weightDecay: optionalKey(notNegative, 'weight decay; default: 1e-4 with sgd, 0 with adam, 0.01 with adamw'),
  decayNormsAndBiases: key(v.boolean(), true, 'whether weights of one axis (norms and biases) decay, too'),
  groups: key(
    v.record(
      v.string(),
      v.strictObject({
        rate: key(notNegative, 1, 'factor on their rate; 0 leaves them as they are'),
        weightDecay: key(notNegative, 1, 'factor on their weight decay'),
      }),
    ),
    {},
    'weights with a rate or decay of their own, by a pattern of their names such as "layer4.*"; a weight takes the first that it fits',
  ),
  headFactor: optionalKey(
    positive,
    'factor on the rate of ppm, cls and aux, besides that of their group; default: 10 with backbone weights, else 1',
  ),
  clipNorm: optionalKey(positive, 'largest norm of all gradients together; larger ones are scaled down; default: any'),
  averaging: optionalKey(
    belowOne,
    'decay of the exponential mean of weights and running statistics, such as 0.98; validation, model and report are then of the mean; default: of the last weights',
  ),
});

/** PyTorch's. */
const defaultBetas: [number, number] = [0.9, 0.999];

/** Keys that mean something only with some choices of another. */
const dependentKeys: readonly (readonly [
  name: 'momentum' | 'betas' | 'epsilon' | 'power',
  choice: 'method' | 'schedule',
  choices: readonly string[],
])[] = [
  ['momentum', 'method', ['sgd']],
  ['betas', 'method', ['adam', 'adamw']],
  ['epsilon', 'method', ['adam', 'adamw']],
  ['power', 'schedule', ['polynomial']],
];

/** Fills in what depends on the method, and refuses what has no meaning with it. */
const optimizerSchema = v.pipe(
  optimizerKeys,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const [name, choice, choices] of dependentKeys) {
      const { [name]: given, [choice]: chosen } = dataset.value;
      if (given === undefined || choices.includes(chosen)) continue;
      addIssue({ message: `expected no ${name} with ${choice} ${chosen}, found ${JSON.stringify(given)}` });
    }
  }),
  // The same order of keys whether they were given or not: configurations are compared as text.
  v.transform(({ method, schedule, rate, power, momentum, betas, epsilon, weightDecay, ...given }) => ({
    ...(method === 'sgd'
      ? { method, momentum: momentum ?? publishedSgd.momentum }
      : { method, betas: betas ?? defaultBetas, epsilon: epsilon ?? 1e-8 }),
    rate: rate ?? (method === 'sgd' ? 0.01 : 0.001),
    ...(schedule === 'polynomial' ? { schedule, power: power ?? 0.9 } : { schedule }),
    weightDecay: weightDecay ?? { sgd: publishedSgd.weightDecay, adam: 0, adamw: 0.01 }[method],
    ...given,
  })),
);

/** What an .onnx file does not always say of itself: how it takes pixels, and what its scores are. */
const modelEntries = {
  output: optionalKey(v.string(), 'of a model with several outputs: the one with the scores'),
  scores: optionalKey(v.picklist(scoreKinds), 'what that output holds; default: what the graph tells'),
  mean: optionalKey(
    v.tuple([v.number(), v.number(), v.number()]),
    "a model's input is (pixel·scale - mean) / std, of red, green and blue; default: what the file says",
  ),
  std: optionalKey(v.tuple([positive, positive, positive]), 'see mean'),
  scale: optionalKey(positive, 'see mean; default: 1/255 where mean and std are at most 1, else 1'),
  channelOrder: optionalKey(v.picklist(['rgb', 'bgr']), "order of its input's channels"),
};

/** The keys of a configuration, with defaults and what they mean. */
export const configSchema = v.strictObject({
  network: v.pipe(
    v.strictObject({
      architecture: optionalKey(
        v.string(),
        `one of ${architectureNames.join(', ')}; default: pspnet18, where no model is given`,
      ),
      model: optionalKey(
        expandedPath,
        'in place of an architecture: any segmentation network (.onnx), trained on from its own weights and written back as it came; $NAME as in data.root',
      ),
      train: optionalKey(
        v.array(v.string()),
        'patterns of the weights that are trained, such as "decoder.*"; default: all',
      ),
      freeze: optionalKey(v.array(v.string()), 'patterns of weights that are not'),
      ...modelEntries,
      widthMultiplier: key(positive, 1, 'factor on the channel numbers (pspnet18, pspnet-mobilenetv2)'),
      backbone: optionalKey(
        expandedPath,
        'ImageNet weights of the backbone (.pth or .safetensors, torchvision names); $NAME as in data.root',
      ),
      weights: optionalKey(
        expandedPath,
        'weights of the whole network to start from (.pth, .safetensors, or a checkpoint or model.onnx of another run); $NAME as in data.root',
      ),
    }),
    // Which network a run has is said in its folder, whether it was given or not.
    v.transform(({ architecture, ...network }) => ({
      ...(network.model === undefined
        ? { architecture: architecture ?? 'pspnet18' }
        : architecture && { architecture }),
      ...network,
    })),
  ),
  data: dataSchema,
  crop: key(
    v.tuple([count(8, MAX_CROP_SIDE), count(8, MAX_CROP_SIDE)]),
    [769, 769],
    'height and width of the training crops in pixels',
  ),
  batch: key(count(1), 8, 'samples a step; of each rank, where several train together'),
  accumulate: key(count(1), 1, 'batches whose gradients are averaged for one update'),
  steps: requiredKey(count(1), 'updates in all'),
  seed: key(count(0), 1, 'weights, order, augmentation and dropout follow from it'),
  gap: key(count(1), 3, 'largest distance of the neighbouring frames'),
  frames: optionalKey(
    v.picklist([1, 2, 3]),
    'frames of a clip in a sample: 1, 2 (with t ± k) or 3 (with t - k and t + k); default: 3 with multiFrame, 2 with other losses besides cross entropy, else 1',
  ),
  augmentation: key(
    v.strictObject({
      scale: key(v.tuple([positive, positive]), [...publishedAugmentation.scale], 'range of the scale'),
      rotation: key(
        v.pipe(v.number(), v.minValue(0), v.maxValue(180)),
        publishedAugmentation.rotation,
        'largest rotation in degrees',
      ),
      rotationProbability: key(share, publishedAugmentation.rotationProbability, 'how often a sample is rotated'),
      blurProbability: key(share, publishedAugmentation.blurProbability, 'how often it is blurred'),
      flipProbability: key(share, publishedAugmentation.flipProbability, 'how often it is mirrored'),
      colorJitter: key(
        share,
        publishedAugmentation.colorJitter,
        'largest relative change of brightness, contrast and saturation',
      ),
    }),
    {},
    'random changes of a sample',
  ),
  optimizer: key(optimizerSchema, {}, 'how gradients change the weights'),
  losses: key(
    v.strictObject({
      auxiliary: key(notNegative, 0.4, 'weight of the auxiliary head within the cross entropy'),
      boundary: key(notNegative, 0, "binary cross entropy of PIDNet's boundary head (published: 20)"),
      boundaryAware: key(
        notNegative,
        0,
        'PIDNet: cross entropy of the main head once more, where the boundary head is sure of a boundary (published: 1)',
      ),
      motion: key(notNegative, 0, 'motion loss (published: 0.1; 0.01 with distillation)'),
      pixel: key(notNegative, 0, "pixel-wise distillation: the teacher's class probabilities"),
      pairFrames: key(notNegative, 0, 'pair-wise frames: how alike positions of two frames are'),
      selfSimilarity: key(notNegative, 0, 'how alike positions of one frame are'),
      multiFrame: key(notNegative, 0, 'what a ConvLSTM remembers of three frames'),
    }),
    {},
    'weights of the losses besides cross entropy; 0 leaves a loss out',
  ),
  motion: key(
    v.strictObject({
      compare: key(v.picklist(['logits', 'probabilities']), 'logits', 'what should agree along the flow'),
      visibility: key(
        v.picklist(['absolute-of-sum', 'sum-of-absolutes', 'occlusion']),
        'absolute-of-sum',
        'how colour differences fade a pixel: as published, channel by channel, or not at all, so that only masks of what is hidden count',
      ),
      flow: key(
        expandedPath,
        'given',
        "'given' by the dataset, 'farneback', 'dis' (also 'dis-ultrafast', 'dis-fast', 'dis-medium'), or a two-image flow network (.onnx; $NAME as in data.root); TC of held frames is along it, too, where the dataset gives no flow",
      ),
    }),
    {},
    'details of the motion loss',
  ),
  teacher: optionalKey(
    v.strictObject({
      model: requiredKey(expandedPath, 'any segmentation network (.onnx), of ours or not; $NAME as in data.root'),
      features: optionalKey(
        v.string(),
        'the value in it that stands for features, when distillation.on is not logits; default: that of the same name',
      ),
      classMap: optionalKey(
        v.record(v.string(), v.union([v.string(), count(0)])),
        "the student's class for each of the teacher's, names or numbers; default: by name, or by number where names are unknown",
      ),
      cache: optionalKey(
        expandedPath,
        'folder that keeps what it gives for a frame, for runs without augmentation and crops of whole frames; $NAME as in data.root',
      ),
      ...modelEntries,
    }),
    'the frozen network that distillation losses compare with',
  ),
  distillation: key(
    v.strictObject({
      on: key(
        v.string(),
        'logits',
        "what similarities are taken of: logits, or a value of the student such as fea (the pyramid's output)",
      ),
      temperature: key(positive, 1, 'softens the probabilities of the pixel-wise loss'),
      pixelsOf: key(
        v.picklist(['teacher', 'student']),
        'teacher',
        "at whose resolution probabilities are compared; a teacher with scores for every pixel takes less time at the student's",
      ),
      convention: key(
        v.picklist(['cosine', 'etc-2020']),
        'cosine',
        "norms in pair-wise frames; etc-2020 has the release's fault",
      ),
      pooling: key(
        v.strictObject({
          pairFrames: key(count(1), 1, 'for pair-wise frames'),
          selfSimilarity: key(count(1), 2, 'for self similarity'),
          multiFrame: key(count(1), 16, 'for multi-frame'),
        }),
        {},
        'window and stride of the average pooling in front of similarities, in positions',
      ),
      multiFrame: key(
        v.picklist(['fixed', 'trained']),
        'fixed',
        "whether the multi-frame loss's ConvLSTM is trained along",
      ),
      antiCollapse: key(notNegative, 0.1, 'weight of what keeps a trained ConvLSTM from calling everything the same'),
    }),
    {},
    'details of the distillation losses',
  ),
  mining: optionalKey(
    v.strictObject({
      threshold: key(share, 0.7, 'pixels at most this sure of their class count'),
      minKept: key(count(1), 100_000, 'at least so many pixels of a batch count'),
      heads: key(v.picklist(['both', 'main']), 'both', 'which heads are mined'),
      divisor: key(
        v.picklist(['weights', 'pixels']),
        'weights',
        'what the sums are divided by: class weights, or pixels, as PIDNet and mmsegmentation do (which also leaves out pixels that are exactly as sure as the bound)',
      ),
    }),
    'online hard example mining; absent: every labelled pixel counts',
  ),
  classWeights: key(
    v.union([v.picklist(['none', 'cityscapes']), v.array(notNegative)]),
    'none',
    "'none', 'cityscapes' (its published weights), or a number a class",
  ),
  statistics: optionalKey(
    v.pipe(
      v.picklist(['batch', 'synchronised', 'local', 'fixed']),
      // Two names of one thing, which a resumed run compares.
      v.transform((name) => (name === 'synchronised' ? 'batch' : name)),
    ),
    'what batch normalisation rests on: each batch (also called synchronised: of all ranks together), the samples of each rank alone (local), or fixed running statistics as in inference, while its scale and bias train; default: batch for an architecture, fixed for a model',
  ),
  compress: optionalKey(
    v.picklist(['half']),
    'how several ranks send each other gradients; half: in float16, half the bytes, rounded to 11 bits twice; default: exactly',
  ),
  dropout: key(share, 0.1, 'share of the channels dropped in front of the classifiers'),
  validation: optionalKey(
    v.strictObject({
      ...datasetEntries,
      layout: optionalKey(v.picklist([...datasetLayouts, ownLayout]), "default: that of 'data'"),
      root: optionalKey(expandedPath, "default: that of 'data'"),
      every: key(count(1), 1000, 'steps between validations; the last step is always validated'),
      limit: optionalKey(count(1), 'frames at most'),
      size: optionalKey(
        v.tuple([count(8), count(8)]),
        "height and width the network sees; default: the frames' own size",
      ),
    }),
    'mIoU and temporal consistency on held frames; may be changed when a run is resumed',
  ),
  checkpointEvery: key(count(1), 200, 'steps between checkpoints; there is one before each validation, too'),
  workers: key(count(1, MAX_THREADS), 1, 'threads that prepare batches'),
  threads: optionalKey(count(1), 'threads of the engine; default: one a core'),
  device: key(v.string(), 'cpu', 'where the step runs'),
  precision: key(
    v.picklist(['float32', 'mixed']),
    'float32',
    "what it computes in; mixed: the network's activations and their gradients in float16, weights, losses, statistics and sums in float32, with a loss scale that is halved where gradients do not fit (that step is skipped) and doubled after 2000 that do: for GPUs, on a CPU it only takes longer",
  ),
});

/** What is trained on what, and how; `docs/configuration.md` lists the keys. */
export type TrainingConfig = v.InferOutput<typeof configSchema>;

/**
 * The keys in which two configurations differ, but for those that do not change the weights of steps that are done: where and
 * how a run runs, how long, and what it is validated on.
 */
export function decidingChanges(before: TrainingConfig, now: TrainingConfig): string[] {
  const [old, others] = [before, now].map(
    ({ workers: _, threads: _t, checkpointEvery: _c, validation: _v, steps: _s, ...deciding }) =>
      new Map(Object.entries(deciding).map(([name, value]) => [name, JSON.stringify(value)])),
  );
  return [...new Set([...old.keys(), ...others.keys()])].filter((name) => old.get(name) !== others.get(name));
}

/** The configuration with which one rank does what so many do with this one: a run folder holds it, so that any number of ranks may go on. */
export function oneRankConfig(config: TrainingConfig, ranks: number): TrainingConfig {
  const { extra, ...data } = config.data;
  return {
    ...config,
    batch: ranks * config.batch,
    data: extra ? { ...data, extra: { ...extra, perBatch: ranks * extra.perBatch } } : config.data,
  };
}

/**
 * Reads a configuration file and applies changes of the form `optimizer.rate=0.02` (values are YAML).
 * @throws UsageError naming the file and the key, or the malformed change; a mistyped key gets a suggestion. SteadysegError
 * when the file cannot be read.
 */
export async function readConfig(path: string, changes: readonly string[] = []): Promise<TrainingConfig> {
  const text = new TextDecoder().decode(await readFileBounded(path, MAX_CONFIG_BYTES));
  const { document, fault } = readYaml(text, path);
  if (fault !== undefined) throw new UsageError(`${path}: expected YAML: ${fault}`);
  for (const change of changes) {
    const separator = change.indexOf('=');
    if (separator < 1) throw new UsageError(`expected KEY=VALUE such as optimizer.rate=0.02, found "${change}"`);
    try {
      const value = readYaml(change.slice(separator + 1), 'its value');
      if (value.fault !== undefined) throw new UsageError(value.fault);
      document.setIn(change.slice(0, separator).split('.'), value.document.toJS());
    } catch (thrown) {
      throw new UsageError(`${path}: the change "${change}" does not fit: ${messageOf(thrown)}`, { cause: thrown });
    }
  }
  return parseConfig(contentOf(document, path), basename(path));
}

/** The document's values; its aliases may lead nowhere, or grow without bound. */
function contentOf(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS();
  } catch (thrown) {
    throw new UsageError(`${path}: expected YAML: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Checks a configuration and fills in defaults. @throws UsageError naming `source` and the key. */
export function parseConfig(content: unknown, source: string): TrainingConfig {
  const result = v.safeParse(configSchema, content);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = shortened(v.getDotPath(issue) ?? 'the file');
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    // By its parts: a mistyped key may hold dots itself.
    const parents = (issue.path ?? []).map(({ key }) => String(key));
    const name = parents.pop() ?? place;
    const known = knownKeys(parents);
    const near = suggest(name, known);
    throw new UsageError(
      `${source}: there is no key ${place}${near ? `; did you mean ${[...parents, near].join('.')}?` : `; expected one of ${known.join(', ')}`}`,
    );
  }
  throw new UsageError(`${source}: ${place}: ${problemOf(issue)}`);
}

/** A damaged file may hold keys of any length. */
function shortened(place: string): string {
  return place.length <= 100 ? place : `${place.slice(0, 100)}…`;
}

/** The keys below a path of the schema. */
function knownKeys(path: readonly string[]): string[] {
  let schema = unwrapped(configSchema);
  for (const name of path) schema = unwrapped(schema.entries?.[name] ?? schema.value);
  return Object.keys(schema.entries ?? {});
}

/** What a schema says of its keys: each one's own schema, or one for all. */
interface Keys {
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly value?: unknown;
}

/** The object schema inside optional values and descriptions. */
function unwrapped(schema: unknown): Keys {
  const { wrapped, pipe } = schema as { wrapped?: unknown; pipe?: readonly unknown[] };
  if (pipe) return unwrapped(pipe[0] === schema ? wrapped : pipe[0]);
  return wrapped ? unwrapped(wrapped) : (schema as Keys);
}

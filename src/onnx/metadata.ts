// What a model file says about itself: one JSON entry `steadyseg` in the ONNX metadata, with classes and normalisation.
import * as v from 'valibot';
import { messageOf, SteadysegError } from '../base/errors.js';
import { MAX_CLASSES } from '../base/labels.js';
import { problemOf } from '../base/problem.js';
import { plainNames, plainNumbers } from './plainEntries.js';

/** The metadata key that holds the description as JSON. */
export const descriptionKey = 'steadyseg';

/** JSON may hold 1e999. */
const finite = v.pipe(v.number(), v.finite());
const triple = v.tuple([finite, finite, finite]);
const byte = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255));

/** Fields that are absent are unknown; fields this version does not know are kept. */
const descriptionSchema = v.looseObject({
  /** Name of the network, by which it can be rebuilt at another size, such as `pspnet18`. */
  architecture: v.optional(v.string()),
  /** Factor on its channel numbers; default 1. */
  widthMultiplier: v.optional(v.pipe(v.number(), v.gtValue(0))),
  /** Class names by train id. */
  classes: v.optional(v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(MAX_CLASSES))),
  /** RGB of each class. */
  palette: v.optional(v.pipe(v.array(v.tuple([byte, byte, byte])), v.maxLength(MAX_CLASSES))),
  ignoreLabel: v.optional(byte),
  /** Per input channel, in units of pixels 0..255: the input is `(pixel - mean) / std`. */
  mean: v.optional(triple),
  std: v.optional(v.pipe(v.array(v.pipe(finite, v.gtValue(0))), v.length(3))),
  /** Order of the input channels; default rgb. */
  channelOrder: v.optional(v.picklist(['rgb', 'bgr'])),
  /** How scores are brought to the size of the image: bilinear, with the corners aligned (default) or half-pixel centres. */
  enlargement: v.optional(v.picklist(['align_corners', 'half_pixel'])),
  /** A free input size has to be a multiple of this. */
  sizeMultiple: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  /** Of a network in integers: the bits of its weights. */
  weightBits: v.optional(v.picklist([7, 8])),
  /** What the weights may be used for, where that is known. */
  licence: v.optional(v.string()),
  /** How the weights came about. */
  training: v.optional(v.record(v.string(), v.unknown())),
});

/** What a model file says about itself: architecture, classes, normalisation, training. */
export type ModelDescription = v.InferInput<typeof descriptionSchema>;

/** The metadata entry of a description. @throws SteadysegError naming the field that is not what it should be. */
export function describeModel(description: ModelDescription): [key: string, value: string] {
  return [descriptionKey, JSON.stringify(parseDescription(description, 'description of the model'))];
}

/**
 * Reads the description out of a model's metadata; without one, the plain entries `classes`, `palette` (JSON), `mean` and
 * `std` that other exporters write.
 * @throws SteadysegError, naming `source` and the field, when an entry is not what it should be.
 */
export function readDescription(metadata: ReadonlyMap<string, string>, source: string): ModelDescription {
  const text = metadata.get(descriptionKey);
  if (text !== undefined) return parseDescription(parseJson(text, descriptionKey, source), `${source}: its metadata`);
  const plain: Record<string, unknown> = {};
  for (const [key, read] of Object.entries(plainEntries)) {
    const value = metadata.get(key);
    if (value !== undefined) plain[key] = read(value, source);
  }
  return parseDescription(plain, `${source}: its metadata`);
}

const namesSchema = v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(MAX_CLASSES));

/** The names of a plain entry `names`, which may be of classes or of something else; undefined where there are none. */
export function plainNamesOf(metadata: ReadonlyMap<string, string>): readonly string[] | undefined {
  const text = metadata.get('names');
  const result = text === undefined ? undefined : v.safeParse(namesSchema, plainNames(text));
  return result?.success ? result.output : undefined;
}

const plainEntries: Readonly<Record<string, (text: string, source: string) => unknown>> = {
  classes: plainNames,
  palette: (text, source) => parseJson(text, 'palette', source),
  mean: plainNumbers,
  std: plainNumbers,
};

function parseJson(text: string, key: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new SteadysegError(`${source}: expected JSON in its metadata entry "${key}": ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** `place` begins the error. */
function parseDescription(content: unknown, place: string): ModelDescription {
  const result = v.safeParse(descriptionSchema, content);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new SteadysegError(`${place} "${v.getDotPath(issue) ?? descriptionKey}": ${problemOf(issue)}`);
}

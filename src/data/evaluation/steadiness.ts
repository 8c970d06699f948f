// Steadiness of labels along optical flow, without labels: from files or from a network, perhaps against a reference.
import { join } from 'node:path';
import { SteadysegError } from '../../base/errors.js';
import { isFolder } from '../../base/files.js';
import { wholeWork } from '../../base/shard.js';
import type { FlowFrame, FlowSource } from '../../flow/source.js';
import type { RgbImage } from '../../media/image.js';
import { readPicture } from '../../media/pictures.js';
import { addAgreement, agreementCounts, noAgreement } from '../../metrics/agreement.js';
import { overlapping } from '../../metrics/places.js';
import { type SteadinessResult, steadinessResultOf } from '../../metrics/result.js';
import {
  addSteadiness,
  noSteadiness,
  type SteadinessCounts,
  steadiness,
  steadinessOf,
} from '../../metrics/steadiness.js';
import { readTrainIds } from '../labelFiles.js';
import { measureAlongFlow, type PairToShow, type Reading, reading, type SureLabels } from './alongFlow.js';
import { awaitAll, basisOf, type EvaluationOptions, missingPrediction, requireSize } from './common.js';
import { openEvaluationFrames } from './frames.js';
import { partnersOf, requirePartners } from './partners.js';

/** What makes the labels of a frame: a network. */
export interface Labeller {
  /** What results call it. */
  readonly name: string;
  /** Whether labels come with their probabilities. */
  readonly hasConfidence: boolean;
  label(image: RgbImage): Promise<SureLabels>;
}

/** What `measureSteadiness` takes. */
export interface SteadinessOptions extends Omit<EvaluationOptions, 'pred' | 'gtIds'> {
  /** A video, or a folder, glob or list of pictures. */
  readonly frames: string;
  /** A folder or list of label maps, one of each frame, or what makes them. */
  readonly pred: string | Labeller;
  /** The reference, likewise. Where it is a result of `predict`, its `confidence` is read too. */
  readonly against?: string | Labeller | undefined;
  readonly flow: FlowSource;
  /** How many of the places that change most to keep for a look at them. Default 0. */
  readonly keepPlaces?: number | undefined;
}

/** A place of a pair with what it takes to show it. */
export interface KeptPlace extends PairToShow {
  readonly clip: number;
  /** Index of its pair in the result's `pairList`. */
  readonly index: number;
}

/** Label maps by frame. */
interface LabelSource {
  readonly hasConfidence: boolean;
  labelsOf(frame: FlowFrame): Reading;
}

/**
 * Compares the labels of every frame with those of the next along the flow, within clips, and pools the counts of all
 * pairs: SPEC's steadiness. With a reference, its own figures stand beside, and how far the labels agree with it where it is sure.
 * @returns the result, and the places that change most, worst first, no two of them in one place at one time
 * @throws SteadysegError naming the file or frame; with `keepGoing` what concerns single frames is a stated skip
 */
export async function measureSteadiness(
  options: SteadinessOptions,
): Promise<{ result: SteadinessResult; places: readonly KeptPlace[] }> {
  const { pred, against, flow, classSet, predIds, limit, shard = wholeWork, keepGoing, keepPlaces = 0 } = options;
  const classes = classSet.classes.length;
  const source = await openEvaluationFrames(options.frames, {
    acceptTruncated: keepGoing,
    onNote: options.onNote,
  });
  const sourceOf = async (input: string | Labeller): Promise<LabelSource> => {
    if (typeof input !== 'string') return labelsMade(input);
    const confidence = input === against && (await isFolder(join(input, 'confidence'))) && join(input, 'confidence');
    const partners = await partnersOf(source, confidence ? [input, confidence] : [input]);
    if (!keepGoing) requirePartners(source, partners, 0, input, { limit, shard });
    if (!keepGoing && confidence) requirePartners(source, partners, 1, confidence, { limit, shard });
    const read = async (files: readonly string[]): Promise<SureLabels> => {
      const labels = readTrainIds(files[0], classSet, predIds);
      return files.length > 1 ? await withConfidence(labels, files[0], files[1]) : await labels;
    };
    return {
      hasConfidence: confidence !== false,
      labelsOf({ stem }) {
        const { name, files } = partners(stem);
        const paths = files.map((file) => file?.path);
        const missing = paths.indexOf(undefined);
        const failure = missingPrediction(missing === 1 ? join(input, 'confidence') : input, [name]);
        return missing < 0
          ? reading(paths[0] ?? name, read(paths.filter((path) => path !== undefined)))
          : reading(name, Promise.reject(failure));
      },
    };
  };
  const predictions = await sourceOf(pred);
  const references = against === undefined ? undefined : await sourceOf(against);

  const places: KeptPlace[] = [];
  const pairList: SteadinessResult['pairList'] = [];
  let counts = noSteadiness(classes);
  const sums = { frames: 0, agreementCounts: noAgreement(classes), counts: noSteadiness(classes) };
  const measured = await measureAlongFlow(
    source,
    { ...options, mode: 'masked', keep: keepPlaces > 0 },
    {
      mapsOf: (frame) => ({ prediction: predictions.labelsOf(frame), reference: references?.labelsOf(frame) }),
      countFrame: (prediction, reference) => agreementCounts(prediction, reference, reference.confidence, classes),
      onFrame(frame) {
        sums.agreementCounts = addAgreement(sums.agreementCounts, frame);
        sums.frames++;
      },
      onPair({ clip, first, second, pixels, counts: ofPair, referenceCounts, kept }) {
        const own = steadinessOf(ofPair);
        const reference = referenceCounts && steadinessOf(referenceCounts);
        counts = addSteadiness(counts, own);
        if (reference) sums.counts = addSteadiness(sums.counts, reference);
        if (kept) keepPlace(places, keepPlaces, { ...kept, clip, index: pairList.length });
        const compared = own.before.reduce((sum, value) => sum + value, 0) / pixels;
        const againstSteady = reference && { againstSteady: steadyShare(reference) };
        pairList.push({ clip, first, second, steady: steadyShare(own), compared, ...againstSteady });
      },
    },
  );

  const inputs = {
    frames: options.frames,
    pred: nameOf(pred),
    ...(against !== undefined && { against: nameOf(against) }),
  };
  const basis = basisOf(options, inputs, measured.clips, measured.clipCount, measured.skipped);
  const reference = references && { hasConfidence: references.hasConfidence, ...sums };
  return { result: steadinessResultOf(basis, { flow: flow.name, counts, pairList, against: reference }), places };
}

function nameOf(input: string | Labeller): string {
  return typeof input === 'string' ? input : input.name;
}

function labelsMade(labeller: Labeller): LabelSource {
  return {
    hasConfidence: labeller.hasConfidence,
    labelsOf: (frame) =>
      reading(
        `the labels of ${frame.stem}`,
        frame.image().then(async (image) => {
          try {
            return await labeller.label(image);
          } catch (thrown) {
            if (!(thrown instanceof SteadysegError)) throw thrown;
            throw new SteadysegError(`frame ${frame.stem}: ${thrown.message}`, { cause: thrown });
          }
        }),
      ),
  };
}

/** Labels with the probabilities of a grey picture in which 255 is 1. */
async function withConfidence(labels: Promise<SureLabels>, name: string, path: string): Promise<SureLabels> {
  const [map, confidence] = await awaitAll([labels, readPicture(path)]);
  requireSize(confidence, path, map, name);
  return { ...map, confidence: Float32Array.from(map.data, (_, pixel) => confidence.data[3 * pixel] / 255) };
}

/** Null of no pixels. */
function steadyShare(counts: SteadinessCounts): number | null {
  const { steady } = steadiness(counts);
  return Number.isNaN(steady) ? null : steady;
}

/** Places of pairs less apart than this that overlap are one place: what flickers does so for many frames. */
const ONE_PLACE_PAIRS = 10;

/** Keeps the `most` places with the most changes, of those that are one place the worst; of equal ones the earlier. */
function keepPlace(places: KeptPlace[], most: number, found: KeptPlace): void {
  if (found.place.changed === 0) return;
  const same = (other: KeptPlace) =>
    other.clip === found.clip && found.index - other.index < ONE_PLACE_PAIRS && overlapping(other.place, found.place);
  if (places.some((other) => same(other) && other.place.changed >= found.place.changed)) return;
  const others = places.filter((other) => !same(other));
  const at = others.findIndex((other) => found.place.changed > other.place.changed);
  others.splice(at < 0 ? others.length : at, 0, found);
  places.splice(0, places.length, ...others.slice(0, most));
}

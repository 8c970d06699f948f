// The losses that a training step may add to cross entropy, as a table: each makes its terms out of what the step offers.
import { UsageError } from '../base/errors.js';
import { boundaryLoss } from '../losses/boundary.js';
import { type ConsensusClasses, consensusLoss } from '../losses/consensus.js';
import { type MotionOptions, motionLoss } from '../losses/motion.js';
import { multiFrameLoss, trainedMultiFrameLoss } from '../losses/multiFrame.js';
import { pixelWiseLoss } from '../losses/pixelWise.js';
import type { SampleWeights } from '../losses/sampleWeights.js';
import { pairFramesLoss, poolFeatures, type SimilarityConvention, selfSimilarityLoss } from '../losses/similarity.js';
import { overThreeFrames, type ThreeFrames } from '../losses/threeFrames.js';
import type { Value } from '../onnx/graph.js';
import { add } from '../onnx/ops.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { elementCount, formatShape } from '../tensor/tensor.js';

/** A frame of a sample: the labelled one t; its one neighbour t ± k; or both, t - k and t + k. */
export type FrameName = 'frame' | 'neighbour' | 'before' | 'after';

/** The frames of a step by their number. */
export const frameNames = {
  1: ['frame'],
  2: ['frame', 'neighbour'],
  3: ['frame', 'before', 'after'],
} as const satisfies Readonly<Record<number, readonly FrameName[]>>;

/** How many frames of a clip a step sees. */
export type FrameCount = keyof typeof frameNames;

/** Details of the distillation losses. */
export interface DistillationOptions {
  /** Softens both distributions of the pixel-wise loss; 1 by default. */
  readonly temperature?: number | undefined;
  /** At whose resolution the pixel-wise loss compares: the other's scores are resized; the teacher's by default. */
  readonly pixelsOf?: 'teacher' | 'student' | undefined;
  /** Norms of the similarities of pair-wise frames; `cosine` by default. */
  readonly convention?: SimilarityConvention | undefined;
  /** Windows of the average pooling in front of similarities; 1, 2 and 16 by default. */
  readonly pooling?: {
    readonly pairFrames?: number | undefined;
    readonly selfSimilarity?: number | undefined;
    readonly multiFrame?: number | undefined;
  };
  /** Whether the ConvLSTM of the multi-frame loss keeps its first weights (default) or is trained along. */
  readonly multiFrame?: 'fixed' | 'trained' | undefined;
  /** Weight of what keeps a trained ConvLSTM from calling everything the same; 0.1 by default. */
  readonly antiCollapse?: number | undefined;
}

/** What a step offers its losses. */
export interface LossSite {
  /** The first is the labelled one; the last is the one neighbour of losses on two frames. */
  readonly frames: readonly FrameName[];
  /** Normalised, N×3×H×W. */
  image(frame: FrameName): Value;
  /** The student's scores, N×C×h×w. */
  logits(frame: FrameName): Value;
  /** The classes that both networks know, as scores: the student's at its own size, the teacher's at the size for comparing. */
  commonLogits(frame: FrameName): NetworkPair;
  /** What similarities are taken of, both at the student's size. */
  features(frame: FrameName): NetworkPair;
  /** The same for a comparison channel by channel: of scores, those of common classes. */
  matchingFeatures(frame: FrameName): NetworkPair;
  /** To the one neighbour, N×2×H×W in pixels, and where it counts. */
  flow(): { readonly flow: Value; readonly valid?: Value | undefined };
  /** Which samples of other frames than the labelled one count. */
  readonly weights: SampleWeights;
  /** Of the labelled frame: the boundary head's scores, N×1×h×w, and where boundaries are, N×H×W of 0, 1, and 255 where that is not known. */
  boundary(): { readonly logits: Value; readonly boundaries: Value };
  /** The cross entropy of the main head to the labels where the boundary head is sure of a boundary. */
  crossEntropyAtBoundaries(): Value;
  /** Of a value of the whole batch, the samples that the other frames have too. */
  withNeighbours(value: Value): Value;
  /** Soft targets of a frame, N×H×W×C bytes. */
  targets(frame: FrameName): Value;
  /** How much each pixel of them counts, N×H×W bytes. */
  pixelWeights(frame: FrameName): Value | undefined;
  /** What classes count in them. */
  readonly targetClasses: ConsensusClasses;
  /** How the student's scores are brought to the size of the frames; corners aligned by default. */
  readonly enlargement?: EnlargementMode | undefined;
  readonly motion: MotionOptions | undefined;
  readonly distillation: DistillationOptions;
}

/** The same value of both networks. */
export interface NetworkPair {
  readonly student: Value;
  readonly teacher: Value;
}

/** A part of the total: its value as it is logged, and the factor it is added with. */
export interface LossTerm {
  readonly name: string;
  readonly value: Value;
  readonly weight: number;
}

/** A loss of the caller's, beside those of the configuration. */
export interface OwnLoss {
  /** As it is logged. */
  readonly name: string;
  readonly weight: number;
  /** Frames of a sample it needs at least; 1 by default. */
  readonly frames?: FrameCount | undefined;
  /** Whether it asks for what a teacher gives. */
  readonly needsTeacher?: boolean | undefined;
  /** Whether it asks for the flow to the neighbour. */
  readonly needsFlow?: boolean | undefined;
  /** Its value, one number, of what the step offers. */
  build(site: LossSite): Value;
}

interface LossEntry {
  /** Frames of a sample it needs at least. */
  readonly frames: FrameCount;
  /** Frames it is usually computed on. */
  readonly usualFrames: FrameCount;
  readonly needsTeacher: boolean;
  terms(site: LossSite, name: string, weight: number): LossTerm[];
}

/** A loss of one term. */
const single =
  (loss: (site: LossSite) => Value): LossEntry['terms'] =>
  (site, name, weight) => [{ name, value: loss(site), weight }];

const lossTable = {
  boundary: {
    frames: 1,
    usualFrames: 1,
    needsTeacher: false,
    terms: single((site) => {
      const { logits, boundaries } = site.boundary();
      return boundaryLoss(logits, boundaries, site.enlargement);
    }),
  },
  boundaryAware: {
    frames: 1,
    usualFrames: 1,
    needsTeacher: false,
    terms: single((site) => site.crossEntropyAtBoundaries()),
  },
  motion: {
    frames: 2,
    usualFrames: 2,
    needsTeacher: false,
    terms: single((site) => {
      const [frame, other] = ends(site);
      return motionLoss(
        {
          logits: site.withNeighbours(site.logits(frame)),
          neighbourLogits: site.logits(other),
          image: site.withNeighbours(site.image(frame)),
          neighbour: site.image(other),
          ...site.flow(),
          weights: site.weights,
        },
        { enlargement: site.enlargement, ...site.motion },
      );
    }),
  },
  consensus: {
    frames: 1,
    usualFrames: 2,
    needsTeacher: false,
    terms: single((site) => {
      const pairs = site.frames.map((frame) => ({
        logits: site.logits(frame),
        targets: site.targets(frame),
        pixelWeights: site.pixelWeights(frame),
      }));
      return consensusLoss(pairs, site.targetClasses, site.enlargement);
    }),
  },
  pixel: {
    frames: 1,
    usualFrames: 2,
    needsTeacher: true,
    terms: single((site) =>
      overFrames(site, (frame, weights) => {
        const { student, teacher } = site.commonLogits(frame);
        const { temperature } = site.distillation;
        return pixelWiseLoss(student, teacher, { temperature, weights, enlargement: site.enlargement });
      }),
    ),
  },
  pairFrames: {
    frames: 2,
    usualFrames: 2,
    needsTeacher: true,
    terms: single((site) => {
      const { convention, pooling } = site.distillation;
      const [first, second] = ends(site).map(site.features);
      const pooled = (features: Value) => poolFeatures(site.withNeighbours(features), pooling?.pairFrames ?? 1);
      const pair = (network: keyof NetworkPair) => ({
        frame: pooled(first[network]),
        neighbour: pooled(second[network]),
      });
      return pairFramesLoss(pair('student'), pair('teacher'), { convention, weights: site.weights });
    }),
  },
  selfSimilarity: {
    frames: 1,
    usualFrames: 2,
    needsTeacher: true,
    terms: single((site) =>
      overFrames(site, (frame, weights) => {
        const { student, teacher } = site.features(frame);
        return selfSimilarityLoss(student, teacher, { pooling: site.distillation.pooling?.selfSimilarity, weights });
      }),
    ),
  },
  multiFrame: {
    frames: 3,
    usualFrames: 3,
    needsTeacher: true,
    terms(site, name, weight) {
      const { pooling, multiFrame = 'fixed', antiCollapse = 0.1 } = site.distillation;
      const { weights } = site;
      if (multiFrame === 'fixed') {
        const [student, teacher] = bothNetworks(site, threeFrames(site.features));
        return [{ name, value: multiFrameLoss(student, teacher, { pooling: pooling?.multiFrame, weights }), weight }];
      }
      const [student, teacher] = bothNetworks(site, threeFrames(site.matchingFeatures));
      const trained = trainedMultiFrameLoss(student, teacher, { weights });
      return [
        { name, value: trained.distance, weight },
        { name: 'antiCollapse', value: trained.antiCollapse, weight: antiCollapse },
      ];
    },
  },
} satisfies Readonly<Record<string, LossEntry>>;

/** Losses besides cross entropy. */
export type LossName = keyof typeof lossTable;
export const lossNames = Object.keys(lossTable) as readonly LossName[];

/** Their weights; those of weight 0, the default, are left out of the step. */
export type LossWeights = Readonly<Partial<Record<LossName, number>>>;

const chosen = (weights: LossWeights) => lossNames.filter((name) => (weights[name] ?? 0) !== 0);

/** Whether any of the losses compares with a teacher. */
export function needsTeacher(weights: LossWeights, own: readonly OwnLoss[] = []): boolean {
  return own.some((loss) => loss.needsTeacher) || chosen(weights).some((name) => lossTable[name].needsTeacher);
}

/** How many frames of a clip the losses look at: as many as they need at least, but two for distillation; or as asked. @throws UsageError for fewer. */
export function framesFor(weights: LossWeights, asked?: FrameCount, own: readonly OwnLoss[] = []): FrameCount {
  const needyOwn = own.find(({ frames = 1 }) => asked !== undefined && frames > asked);
  if (needyOwn) throw new UsageError(`frames: the loss ${needyOwn.name} needs ${needyOwn.frames}, found ${asked}`);
  const needy = chosen(weights).find((name) => asked !== undefined && lossTable[name].frames > asked);
  if (needy) throw new UsageError(`frames: losses.${needy} needs ${lossTable[needy].frames}, found ${asked}`);
  if (asked) return asked;
  const usual = [...own.map(({ frames = 1 }) => frames), ...chosen(weights).map((name) => lossTable[name].usualFrames)];
  return usual.reduce((most, count) => (count > most ? count : most), 1 as FrameCount);
}

/** The terms of all losses that have a weight. @throws UsageError for a loss of the caller's whose name is taken. */
export function lossTerms(site: LossSite, weights: LossWeights, own: readonly OwnLoss[] = []): LossTerm[] {
  const terms = chosen(weights).flatMap((name) => lossTable[name].terms(site, name, weights[name] ?? 0));
  const taken = new Set<string>(['loss', 'segmentation', 'antiCollapse', ...lossNames]);
  for (const loss of own) {
    if (taken.has(loss.name)) throw new UsageError(`expected a name of its own for a loss, found "${loss.name}" again`);
    taken.add(loss.name);
    const value = loss.build(site);
    if (elementCount(value.shape) !== 1) {
      throw new UsageError(`the loss ${loss.name}: expected one number, found ${formatShape(value.shape)}`);
    }
    terms.push({ name: loss.name, value, weight: loss.weight });
  }
  return terms;
}

/** The labelled frame and the one neighbour. */
function ends({ frames }: LossSite): [FrameName, FrameName] {
  return [frames[0], frames[frames.length - 1]];
}

function threeFrames<T>(of: (frame: FrameName) => T): ThreeFrames<T> {
  return { front: of('before'), centre: of('frame'), back: of('after') };
}

function bothNetworks(site: LossSite, { front, centre, back }: ThreeFrames<NetworkPair>): ThreeFrames<Value>[] {
  const of = (network: keyof NetworkPair) => ({
    front: front[network],
    centre: site.withNeighbours(centre[network]),
    back: back[network],
  });
  return [of('student'), of('teacher')];
}

/** A loss of single frames over those of a sample: the sum over two, centre + 0.4·(front + back) over three. */
function overFrames(site: LossSite, loss: (frame: FrameName, weights: SampleWeights) => Value): Value {
  const ofFrame = (frame: FrameName) => loss(frame, frame === 'frame' ? undefined : site.weights);
  if (site.frames.length === 3)
    return overThreeFrames(
      threeFrames((frame) => frame),
      ofFrame,
    );
  return site.frames.map(ofFrame).reduce(add);
}

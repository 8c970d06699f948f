// A segmentation network from a model: what sessions it is run in, and how a picture goes through it.
import { SteadysegError, UsageError } from '../base/errors.js';
import type { ClassSet } from '../media/classes.js';
import { checkImage, type RgbImage } from '../media/image.js';
import type { Model } from '../onnx/model.js';
import { withoutVanishedWeights } from '../onnx/vanishing.js';
import { writeModel } from '../onnx/write.js';
import type { Session, SessionOptions } from '../runtime/openSession.js';
import type { Tensor } from '../tensor/tensor.js';
import { describeNetwork } from './describeNetwork.js';
import { feedOf } from './feed.js';
import { type CutNetwork, cutFinalResize, mayBeCopied } from './finalResize.js';
import { inputSize } from './inputSize.js';
import type { DescribeOptions, FoundNetwork, NetworkDescription } from './network.js';
import { readResult } from './networkResult.js';
import type { PixelScores } from './scores.js';
import { type Network, type Segmentation, type SegmentOptions, segmentFrame } from './segment.js';
import { checkViews } from './views.js';

export interface LoadOptions extends DescribeOptions, Pick<SessionOptions, 'device' | 'threads'> {}

/** The part of a network that sessions run: all but the enlargement of its scores that it ends with, if it does. */
export type SessionCut = Omit<CutNetwork, 'content'> | undefined;

/** A segmentation network, ready to run. */
export interface SegmentationModel {
  readonly description: NetworkDescription;
  /** Names and colours of the classes; with one entry a class of the network, or more. */
  readonly classes: ClassSet;
  /** The path or bytes it was loaded from, and how it is run. */
  readonly content: string | Uint8Array;
  readonly sessionOptions: SessionOptions;
  /** What sessions are made of: the content, or the part of it that is run, without vanished weights. */
  readonly sessionContent: string | Uint8Array;
  readonly sessionCut: SessionCut;
  /**
   * Segments one picture (RGB, any size) and gives labels of the same size.
   * @throws SteadysegError for a picture whose pixels are not as many as its size says, and for scores that are no numbers;
   * UsageError after `release`.
   */
  segment(image: RgbImage, options?: SegmentOptions): Promise<Segmentation>;
  /** Frees the memory of the network, after the pictures under way. No picture is taken from then on. */
  release(): Promise<void>;
}

/** Compiles a model; `createSession` in Node. */
export type OpenSession = (model: string | Uint8Array, options: SessionOptions) => Promise<Session>;

/**
 * Makes a segmentation network of a model; `describeNetwork` says which are.
 *
 * @throws SteadysegError, naming the file, the expected and the found, when it is no such network.
 */
export function segmentationModel(found: FoundNetwork, options: LoadOptions, open: OpenSession): SegmentationModel {
  const { content } = found;
  const description = describeNetwork(found, options);
  const model = mayBeCopied(found.model) ? withoutVanishedWeights(found.model) : found.model;
  const cut = cutOf(model, description);
  const sessionOptions: SessionOptions = { device: options.device, threads: options.threads };
  const sessionContent = cut ? cut.content : model === found.model ? content : writeModel(model);
  const sessionCut = cut && { output: cut.output, classes: cut.classes, enlargement: cut.enlargement };
  let network: Promise<OpenNetwork> | undefined;
  let released = false;
  const underWay = new Set<Promise<Segmentation>>();
  const run = async (image: RgbImage, segmentOptions: SegmentOptions): Promise<Segmentation> => {
    network ??= openNetwork(sessionContent, description, sessionCut, sessionOptions, open);
    return segmentFrame(await network, image, segmentOptions);
  };
  return {
    description,
    classes: description.classes,
    content,
    sessionOptions,
    sessionContent,
    sessionCut,
    async segment(image, segmentOptions = {}) {
      if (released)
        throw new UsageError(`${description.source}: expected a network in use, found that it was released`);
      checkImage(image);
      checkSegmentOptions(description, segmentOptions);
      const segmentation = run(image, segmentOptions);
      underWay.add(segmentation);
      return await segmentation.finally(() => underWay.delete(segmentation));
    },
    async release() {
      released = true;
      await Promise.allSettled(underWay);
      const opened = await network?.catch(() => undefined);
      network = undefined;
      await opened?.release();
    },
  };
}

function cutOf(model: Model, { input, output, height, width }: NetworkDescription): CutNetwork | undefined {
  if (height === undefined || width === undefined) return undefined;
  if (output.kind === 'labels' || output.layout === 'nhwc') return undefined;
  const shape = input.layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
  return cutFinalResize(model, input.name, shape, output.name);
}

/** A network with its session. */
export interface OpenNetwork extends Network {
  release(): Promise<void>;
}

/** Compiles a network. @param content a model's `sessionContent`, which `cut` belongs to. */
export async function openNetwork(
  content: string | Uint8Array,
  description: NetworkDescription,
  cut: SessionCut,
  options: SessionOptions,
  open: OpenSession,
): Promise<OpenNetwork> {
  const { source, input } = description;
  const output = cut?.output ?? description.output.name;
  const session: Session = await open(content, { ...options, source });
  let kind: PixelScores | undefined;
  return {
    preprocessing: description.preprocessing,
    background: description.output.background,
    inputSize: (region) => inputSize(description, region),
    async run(planes, size) {
      let results: Record<string, Tensor>;
      try {
        results = await session.run({ [input.name]: feedOf(planes, input, size) }, [output]);
      } catch (thrown) {
        if (description.height !== undefined && description.width !== undefined) throw thrown;
        if (!(thrown instanceof SteadysegError)) throw thrown;
        throw new SteadysegError(
          `${thrown.message} (at ${size.height}x${size.width}; if the network needs another size, such as a multiple of 32, give it with --size)`,
          { cause: thrown },
        );
      }
      const result = readResult(results[output], description, cut);
      if ('scores' in result) {
        kind ??= result.kind;
        if (kind !== result.kind) {
          throw new SteadysegError(
            `${source}: expected ${describeScores(kind)} as in the frames before, found ${describeScores(result.kind)} by the values of the output "${description.output.name}": --scores says what they are`,
          );
        }
      }
      return result;
    },
    release: () => session.release(),
  };
}

function describeScores(kind: PixelScores): string {
  return kind === 'logits' ? 'scores' : 'probabilities';
}

/** @throws UsageError for options that the network cannot follow. */
export function checkSegmentOptions(description: NetworkDescription, options: SegmentOptions): void {
  checkViews(options);
  const { height, width, source, output } = description;
  const scaled = options.scales?.some((scale) => scale !== 1) ?? false;
  if (output.kind === 'labels') {
    if (options.confidence) {
      throw new UsageError(`${source}: expected scores for a confidence, found that "${output.name}" gives labels`);
    }
    if (options.tile || options.flip || scaled) {
      throw new UsageError(
        `${source}: expected scores to average over tiles, scales or the mirrored frame, found that "${output.name}" gives labels`,
      );
    }
  }
  if (scaled && !options.tile && height !== undefined && width !== undefined) {
    throw new UsageError(
      `${source}: expected a network of free input size for several scales, found ${height}x${width}: use tiles of that size (--tile ${height}x${width})`,
    );
  }
}

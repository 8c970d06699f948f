// One pass over the sampled frames: values are counted, and a few frames are kept to compare networks on.
import { SteadysegError } from '../base/errors.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { feedOf } from '../segment/feed.js';
import { inputSize } from '../segment/inputSize.js';
import type { FoundNetwork, NetworkDescription } from '../segment/network.js';
import { prepareInput, wholeOf } from '../segment/pixels.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Calibration, openCalibration } from './calibrate.js';
import { type FloatNetwork, prepareFloat } from './floatNetwork.js';
import type { Histogram } from './histogram.js';
import { stopIfAborted } from './interruption.js';
import { placeIntegers } from './placement.js';
import type { Sample } from './sample.js';

export interface CountOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  readonly signal?: AbortSignal | undefined;
  readonly onFrame: (done: number) => void;
}

/** What is known after the pass. */
export interface Counted {
  readonly network: FloatNetwork;
  /** Of every value that may become bytes. */
  readonly histograms: ReadonlyMap<string, Histogram>;
  /** Frames that were calibrated by: how many, and the first few. */
  readonly calibrated: number;
  readonly compared: readonly RgbImage[];
  /** Frames held back. */
  readonly judged: readonly JudgedFrame[];
}

/** A frame held back, with what people say of it where they do. */
export interface JudgedFrame {
  readonly image: RgbImage;
  readonly label: LabelMap | undefined;
}

/** Frames whose scores are compared, for ranges and ranking. */
const comparedFrames = 4;
/** Frames held back at most: they stay in memory. */
const MAX_JUDGED = 64;

/** @throws SteadysegError for frames or a network that cannot be used; InterruptedError when the signal ended it. */
export async function countFrames(
  { source, model }: FoundNetwork,
  description: NetworkDescription,
  sample: Sample,
  { signal, onFrame, ...options }: CountOptions,
): Promise<Counted> {
  const { input } = description;
  const compared: RgbImage[] = [];
  const judged: JudgedFrame[] = [];
  let calibrated = 0;
  let done = 0;
  let opened: { network: FloatNetwork; calibration: Calibration } | undefined;
  try {
    for await (const { index, image, use } of sample.frames()) {
      stopIfAborted(signal);
      const size = inputSize(description, image);
      const planes = new Float32Array(3 * size.height * size.width);
      prepareInput(image, wholeOf(image), size.height, size.width, description.preprocessing, planes);
      // A float16 network is quantised as the float32 one that it becomes.
      const dtype = input.dtype === 'float16' ? 'float32' : input.dtype;
      const feeds: Record<string, Tensor> = { [input.name]: feedOf(planes, { ...input, dtype }, size) };
      if (!opened) {
        const network = await prepareFloat(model, source, { [input.name]: feeds[input.name].shape });
        const values = [...placeIntegers(network.model, { left: new Set() }).values.keys()];
        opened = {
          network,
          calibration: await openCalibration(network.model, values, { source, shapes: network.shapes, ...options }),
        };
      }
      if (use !== 'judge') {
        await opened.calibration.add(feeds);
        calibrated++;
        if (compared.length < comparedFrames) compared.push(image);
      }
      if (use !== 'calibrate' && judged.length < MAX_JUDGED) {
        judged.push({ image, label: await sample.labelled?.read(index) });
      }
      onFrame(++done);
    }
    if (!opened) throw new Error('a sample has frames');
    // A video may end before the frames that its length promises.
    if (judged.length === 0) throw new SteadysegError(`${source}: expected frames to judge the result by, found none`);
    const { network, calibration } = opened;
    return { network, histograms: calibration.histograms, calibrated, compared, judged };
  } finally {
    await opened?.calibration.close();
  }
}

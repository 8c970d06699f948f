// A network as what makes the labels of frames: sessions in threads of their own.
import type { Labeller } from '../data/evaluation/steadiness.js';
import { checkSegmentOptions, type SegmentationModel } from './model.js';
import { createPool, movable } from './pool.js';
import type { ViewOptions } from './views.js';

/** A labeller that holds sessions of its network. */
export interface NetworkLabeller extends Labeller {
  release(): Promise<void>;
}

/**
 * Opens sessions of a network that label frames, several at a time.
 * @param wantsConfidence whether labels come with their probabilities; a network that gives labels instead of scores has none
 * @throws SteadysegError when the network cannot be run
 */
export async function networkLabeller(
  model: SegmentationModel,
  { tile, scales, flip }: ViewOptions,
  wantsConfidence: boolean,
): Promise<NetworkLabeller> {
  const { source, output } = model.description;
  const confidence = wantsConfidence && output.kind !== 'labels';
  const options = { tile, scales, flip, confidence };
  checkSegmentOptions(model.description, options);
  const pool = await createPool(model, options);
  return {
    name: source,
    hasConfidence: confidence,
    async label(image) {
      const result = await pool.run({ image: movable(image), render: {} });
      return { ...result.labels, confidence: result.confidence };
    },
    release: () => pool.release(),
  };
}

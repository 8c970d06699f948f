// The expanding half of FlowNets: flow at a coarse level, refined level by level.
import type { Value } from '../../onnx/graph.js';
import { concat } from '../../onnx/ops.js';
import { activate, doubled, linear } from './layers.js';

/** Features of the contracting half at 1/2^level of the input's size. */
export interface Level {
  readonly level: number;
  readonly features: Value;
}

export interface RefinementOptions {
  /** Whether a convolution stands between a level's features and its flow. Default false. */
  readonly smoothed?: boolean;
  /** Whether the enlargement of a flow has a bias. Default true. */
  readonly flowBias?: boolean;
}

/** Channels that each level gets from the one below it. */
const enlargedChannels = [16, 32, 64, 128, 256, 512];

/**
 * The flow of the finest level.
 *
 * @param levels from coarse to fine, without gaps.
 */
export function refine(name: string, levels: readonly Level[], options: RefinementOptions = {}): Value {
  const { smoothed = false, flowBias = true } = options;
  const [coarsest, ...finer] = levels;
  let { features } = coarsest;
  let flow = linear(features, `${name}.predict_flow${coarsest.level}`, 2);
  for (const { level, features: skipped } of finer) {
    const channels = enlargedChannels[level];
    const enlarged = activate(doubled(features, `${name}.deconv${level}.0`, channels));
    const enlargedFlow = doubled(flow, `${name}.upsampled_flow${level + 1}_to_${level}`, 2, flowBias);
    features = concat([skipped, enlarged, enlargedFlow], 1);
    const last = smoothed ? linear(features, `${name}.inter_conv${level}.0`, channels) : features;
    flow = linear(last, `${name}.predict_flow${level}`, 2);
  }
  return flow;
}

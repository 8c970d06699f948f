// FlowNet2 (Ilg et al., CVPR 2017): FlowNetC, two FlowNetS and FlowNetSD, fused.
import type { Value } from '../../onnx/graph.js';
import { add, concat, div, mul, reduceMean, resize, sub } from '../../onnx/ops.js';
import { channelNorm } from '../channelNorm.js';
import { resample2d } from '../resample2d.js';
import { flowNetC, flowNetFusion, flowNetS, flowNetSD } from './networks.js';

/** Sides the network itself works at are multiples of this. */
export const flowNet2SizeMultiple = 64;

/** The networks compute flow in units of 20 pixels. */
const flowScale = 20;

/**
 * Optical flow from `first` to `second`.
 *
 * Sizes that are no multiple of 64 are resized down to one, and the flow is resized back **without** rescaling its
 * values, as in the reference.
 *
 * @param first N×3×H×W, RGB 0..255, both sides at least 64; `second` the same.
 * @returns N×2×H×W, in pixels: u right, v down.
 */
export function flowNet2(first: Value, second: Value): Value {
  const [batch, , height, width] = first.shape;
  const aligned = [height, width].map(
    (size) => Math.max(1, Math.floor(size / flowNet2SizeMultiple)) * flowNet2SizeMultiple,
  );
  if (aligned[0] === height && aligned[1] === width) return alignedFlowNet2(first, second);
  const resized = (image: Value) => resize(image, [batch, 3, ...aligned], 'linear', 'align_corners');
  return resize(alignedFlowNet2(resized(first), resized(second)), [batch, 2, height, width], 'linear', 'align_corners');
}

function alignedFlowNet2(first: Value, second: Value): Value {
  // Colours around the pair's own mean.
  const mean = div(add(reduceMean(first, [2, 3]), reduceMean(second, [2, 3])), 2);
  const [image1, image2] = [first, second].map((image) => div(sub(image, mean), 255));

  const refined = (flow: Value) => {
    const { warped, difference } = compared(image1, image2, flow);
    return concat([image1, image2, warped, div(flow, flowScale), difference], 1);
  };
  const flowC = enlarged(mul(flowNetC(image1, image2, 'flownetc'), flowScale), 'linear');
  const flowS1 = enlarged(mul(flowNetS(refined(flowC), 'flownets_1'), flowScale), 'linear');
  const flowS2 = enlarged(mul(flowNetS(refined(flowS1), 'flownets_2'), flowScale), 'nearest');
  const flowSD = enlarged(div(flowNetSD(concat([image1, image2], 1), 'flownets_d'), flowScale), 'nearest');
  const parts = [
    image1,
    flowSD,
    flowS2,
    channelNorm(flowSD),
    channelNorm(flowS2),
    compared(image1, image2, flowSD).difference,
    compared(image1, image2, flowS2).difference,
  ];
  return flowNetFusion(concat(parts, 1), 'flownetfusion');
}

/** The second image brought to the first by a flow, and how far the colours still are apart. */
function compared(image1: Value, image2: Value, flow: Value): { warped: Value; difference: Value } {
  const warped = resample2d(image2, flow);
  return { warped, difference: channelNorm(sub(image1, warped)) };
}

/** Four times the size, the values as they are. */
function enlarged(flow: Value, mode: 'linear' | 'nearest'): Value {
  const [batch, channels, height, width] = flow.shape;
  return resize(flow, [batch, channels, 4 * height, 4 * width], mode, mode === 'linear' ? 'half_pixel' : 'asymmetric');
}

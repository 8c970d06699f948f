// PSPNet (Zhao et al., CVPR 2017) on ResNet-18, -50, -101 and MobileNetV2.
import type { Value } from '../onnx/graph.js';
import { mobileNetV2 } from './mobilenetV2.js';
import { pyramidFeatures, pyramidLevels } from './pyramidPooling.js';
import { resNet } from './resnet.js';
import { pyramidHead, segmentationHead } from './segmentationHead.js';
import type { SegmentationOptions, SegmentationOutputs } from './segmentationNetwork.js';
import { scaleWidth } from './width.js';

/** Width of the auxiliary head of every network. */
const auxiliaryWidth = 256;

/** PSPNet on a ResNet: PSPNet-18 is the student of the published experiments, 50 and 101 the teachers. */
export function pspNetResNet(image: Value, depth: 18 | 50 | 101, options: SegmentationOptions): SegmentationOutputs {
  const { layer1, layer2, layer3, layer4 } = resNet(image, { depth, ...options });
  const heads = pspHeads(layer4, layer3, depth === 18 ? 256 : 512, options);
  return { ...heads, features: { layer1, layer2, layer3, layer4, ...heads.features } };
}

/** PSPNet on MobileNetV2. */
export function pspNetMobileNetV2(image: Value, options: SegmentationOptions): SegmentationOutputs {
  const { features3, features6, features13, features17 } = mobileNetV2(image, options);
  const heads = pspHeads(features17, features13, 256, options);
  const features = { 'features.3': features3, 'features.6': features6, 'features.13': features13 };
  return { ...heads, features: { ...features, 'features.17': features17, ...heads.features } };
}

function pspHeads(last: Value, middle: Value, width: number, options: SegmentationOptions): SegmentationOutputs {
  const { classes, mode, widthMultiplier = 1 } = options;
  const head = (channels: number) => ({ classes, width: scaleWidth(channels, widthMultiplier), mode });
  const levels = pyramidLevels(last, 'ppm', mode);
  return {
    logits: pyramidHead(last, levels, 'cls', head(width)),
    auxiliary: segmentationHead(middle, 'aux', head(auxiliaryWidth)),
    features: { fea: pyramidFeatures(last, levels) },
  };
}

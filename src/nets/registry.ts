// Segmentation networks by name.
import { UsageError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import type { Graph, Value } from '../onnx/graph.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { ddrNet } from './ddrnet.js';
import { deepLabV3PlusMobileNetV2 } from './deepLabV3Plus.js';
import { pidNet } from './pidnet.js';
import { pspNetMobileNetV2, pspNetResNet } from './pspnet.js';
import { segFormer } from './segformer.js';
import type { SegmentationOptions, SegmentationOutputs } from './segmentationNetwork.js';

/** A network that can be built by name. */
interface Architecture {
  /** Adds it to the graph of an image. */
  readonly build: (image: Value, options: SegmentationOptions) => SegmentationOutputs;
  /** Whether it takes a `widthMultiplier` other than 1. */
  readonly scalable?: boolean;
  /** How its authors bring scores to the size of the image: bilinear, with the corners aligned or half-pixel centres. */
  readonly enlargement: EnlargementMode;
  /** The weight whose first dimension is the number of classes. */
  readonly classifier: string;
  /** Weights that learn faster than a pretrained backbone. */
  readonly heads: RegExp;
  /** Weights of the backbone that a file of an ImageNet network has to have. */
  readonly backbone: RegExp;
}

const pspNet = {
  enlargement: 'align_corners',
  classifier: 'cls.4.weight',
  heads: /^(ppm|cls|aux)\./,
  backbone: /^(layer[0-4]|features)\./,
} as const;

const pidNetFamily = {
  enlargement: 'align_corners',
  classifier: 'final_layer.conv2.weight',
  heads: /^(final_layer|seghead_p|seghead_d)\./,
  backbone: /^(conv1|layer[1-4])\./,
} as const;

const ddrNetFamily = {
  enlargement: 'half_pixel',
  classifier: 'final_layer.conv2.weight',
  heads: /^(final_layer|seghead_extra)\./,
  backbone: /^(conv1|layer[1-4])\./,
} as const;

const segFormerFamily = {
  enlargement: 'half_pixel',
  classifier: 'decode_head.classifier.weight',
  heads: /^decode_head\./,
  backbone: /^segformer\./,
} as const;

const architectures = {
  pspnet18: { ...pspNet, build: (image, options) => pspNetResNet(image, 18, options), scalable: true },
  pspnet50: { ...pspNet, build: (image, options) => pspNetResNet(image, 50, options) },
  pspnet101: { ...pspNet, build: (image, options) => pspNetResNet(image, 101, options) },
  'pspnet-mobilenetv2': { ...pspNet, build: pspNetMobileNetV2, scalable: true },
  'deeplabv3plus-mobilenetv2': {
    build: deepLabV3PlusMobileNetV2,
    enlargement: 'half_pixel',
    classifier: 'decoder.classifier.weight',
    heads: /^(aspp|decoder)\./,
    backbone: /^features\./,
  },
  'pidnet-s': { ...pidNetFamily, build: (image, options) => pidNet(image, 's', options) },
  'pidnet-m': { ...pidNetFamily, build: (image, options) => pidNet(image, 'm', options) },
  'pidnet-l': { ...pidNetFamily, build: (image, options) => pidNet(image, 'l', options) },
  'ddrnet23-slim': { ...ddrNetFamily, build: (image, options) => ddrNet(image, '23-slim', options) },
  ddrnet23: { ...ddrNetFamily, build: (image, options) => ddrNet(image, '23', options) },
  'segformer-b0': { ...segFormerFamily, build: (image, options) => segFormer(image, 'b0', options) },
  'segformer-b1': { ...segFormerFamily, build: (image, options) => segFormer(image, 'b1', options) },
  'segformer-b2': { ...segFormerFamily, build: (image, options) => segFormer(image, 'b2', options) },
  'segformer-b3': { ...segFormerFamily, build: (image, options) => segFormer(image, 'b3', options) },
  'segformer-b4': { ...segFormerFamily, build: (image, options) => segFormer(image, 'b4', options) },
  'segformer-b5': { ...segFormerFamily, build: (image, options) => segFormer(image, 'b5', options) },
} as const satisfies Readonly<Record<string, Architecture>>;

type ArchitectureName = keyof typeof architectures;

const names = Object.keys(architectures) as ArchitectureName[];

/** The segmentation networks that can be built. */
export const architectureNames: readonly string[] = names;

/** The architecture of a name, if it is one; case, hyphens and underscores do not matter. */
export function findArchitecture(name: string): ArchitectureName | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_]/g, '');
  return names.find((known) => plain(known) === plain(name));
}

/** The weights whose first dimension is the number of classes, of all networks. */
export const classifierNames: readonly string[] = [...new Set(names.map((name) => architectures[name].classifier))];

/** What is known of a network besides how it is built. */
export function architectureOf(name: string): Architecture {
  return architectures[architectureName(name)];
}

/** The same. @throws UsageError with the known names; `others` are what else the caller takes. */
export function architectureName(name: string, others: readonly string[] = []): ArchitectureName {
  const found = findArchitecture(name);
  if (found) return found;
  const all = [...names, ...others];
  const near = suggest(name, all);
  throw new UsageError(
    `expected an architecture (${all.join(', ')}), found "${name}"${near ? `; did you mean ${near}?` : ''}`,
  );
}

/**
 * Adds a segmentation network to a graph. Built twice in one graph (for two frames), both share their parameters.
 *
 * @param image N×3×H×W, any H and W.
 * @throws UsageError for an unknown name, or a width or class count it cannot have.
 */
export function buildNetwork(
  name: string,
  graph: Graph,
  image: Value,
  options: SegmentationOptions,
): SegmentationOutputs {
  const known = architectureName(name);
  const { build, scalable = false }: Architecture = architectures[known];
  const { classes, widthMultiplier = 1 } = options;
  if (image.graph !== graph)
    throw new UsageError(`expected an image of the graph ${graph.name}, found one of ${image.graph.name}`);
  if (!Number.isInteger(classes) || classes < 1) throw new UsageError(`expected a number of classes, found ${classes}`);
  if (!(widthMultiplier > 0)) throw new UsageError(`expected a width multiplier above 0, found ${widthMultiplier}`);
  if (widthMultiplier !== 1 && !scalable) {
    throw new UsageError(`expected the width multiplier 1 for ${known}, found ${widthMultiplier}`);
  }
  return build(image, options);
}

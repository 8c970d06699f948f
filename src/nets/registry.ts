// Segmentation networks by name.
import { UsageError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import type { Graph, Value } from '../onnx/graph.js';
import { pspNetMobileNetV2, pspNetResNet, type SegmentationOptions, type SegmentationOutputs } from './pspnet.js';

/** A network that can be built by name. */
interface Architecture {
  /** Adds it to the graph of an image. */
  readonly build: (image: Value, options: SegmentationOptions) => SegmentationOutputs;
  /** Whether it takes a `widthMultiplier` other than 1. */
  readonly scalable: boolean;
}

const architectures = {
  pspnet18: { build: (image, options) => pspNetResNet(image, 18, options), scalable: true },
  pspnet50: { build: (image, options) => pspNetResNet(image, 50, options), scalable: false },
  pspnet101: { build: (image, options) => pspNetResNet(image, 101, options), scalable: false },
  'pspnet-mobilenetv2': { build: pspNetMobileNetV2, scalable: true },
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
  const { build, scalable } = architectures[known];
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

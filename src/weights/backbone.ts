// ImageNet backbones: from the names of torchvision's and of deep-stem ResNet files to those of the segmentation networks.
import type { Tensor } from '../tensor/tensor.js';
import { matchStateDict, type StateDictMatch, toFloat32 } from './stateDict.js';
import type { TensorInfo } from './weightsFile.js';

/** The modules of a ResNet's stem and their places in `layer0`, a sequence of convolution, batch norm and ReLU. */
const plainStem: Record<string, string> = { conv1: 'layer0.0', bn1: 'layer0.1' };
const deepStem: Record<string, string> = {
  ...plainStem,
  conv2: 'layer0.3',
  bn2: 'layer0.4',
  conv3: 'layer0.6',
  bn3: 'layer0.7',
};

/** ImageNet's classifier, and MobileNetV2's last convolution, which serves only that. */
const classifier = /^(fc|classifier|features\.18)\./;
const backbone = /^(layer[0-4]|features)\./;

/**
 * Renames a ResNet's stem (`conv1`, `bn1`; with the deep stem `conv1` … `bn3`) to `layer0` and leaves out the classifier.
 * Other names, those of MobileNetV2 and of files that already say `layer0` among them, stay.
 */
export function renameBackbone<V>(given: ReadonlyMap<string, V>): Map<string, V> {
  const stem = given.has('conv3.weight') ? deepStem : plainStem;
  const renamed = new Map<string, V>();
  for (const [name, value] of given) {
    if (classifier.test(name)) continue;
    const module = name.slice(0, name.indexOf('.'));
    const target = Object.hasOwn(stem, module) ? stem[module] : module;
    renamed.set(`${target}${name.slice(module.length)}`, value);
  }
  return renamed;
}

/**
 * Matches an ImageNet file with the backbone of a network: of `expected` only what belongs to it counts (by default
 * `layer0` … `layer4` and `features.*`), the heads stay as they are. The tensors that fit are returned with the network's names, widened to float32.
 */
export function loadBackbone(
  expected: ReadonlyMap<string, TensorInfo>,
  given: ReadonlyMap<string, Tensor>,
  belongs = (name: string) => backbone.test(name),
): { tensors: Map<string, Tensor>; match: StateDictMatch } {
  const inStages = [...expected.keys()].some((name) => /^(layer0|features)\./.test(name));
  const renamed = inStages ? renameBackbone(given) : given;
  const match = matchStateDict(new Map([...expected].filter(([name]) => belongs(name))), renamed);
  const tensors = new Map<string, Tensor>();
  for (const name of match.matched) {
    const found = renamed.get(name);
    const want = expected.get(name);
    if (found && want) tensors.set(name, { ...toFloat32(found), shape: want.shape });
  }
  return { tensors, match };
}

// A network of ours as a student: built by name, for any size and number of classes.
import { SteadysegError } from '../base/errors.js';
import { initializeParameters } from '../nets/initialize.js';
import { inference } from '../nets/mode.js';
import { buildModel } from '../nets/model.js';
import { isAuxiliary, weightsOfModel } from '../nets/networkWeights.js';
import { renamePublished } from '../nets/publishedNames.js';
import { architectureName, architectureOf, buildNetwork } from '../nets/registry.js';
import { createGraph, input } from '../onnx/graph.js';
import { readModelFile } from '../onnx/modelFile.js';
import { writeModel } from '../onnx/write.js';
import { defaultPreprocessing } from '../segment/preprocessing.js';
import type { Tensor } from '../tensor/tensor.js';
import { loadBackbone } from '../weights/backbone.js';
import { readStateDict } from '../weights/openWeights.js';
import { describeMatch, loadStateDict } from '../weights/stateDict.js';
import type { NetworkClasses } from './classMap.js';
import type { Student } from './student.js';

/** What `architectureStudent` takes. */
export interface ArchitectureOptions {
  /** As in `nets/registry`. */
  readonly architecture: string;
  readonly classes: NetworkClasses;
  readonly widthMultiplier?: number | undefined;
  /** Of the first weights. */
  readonly seed: number;
  /** A file of weights of the whole network (also a model of ours), or of its backbone, to start from. */
  readonly weights?: string | undefined;
  readonly backbone?: string | undefined;
}

/** @throws UsageError for an unknown architecture; SteadysegError when files do not fit it. */
export async function architectureStudent(options: ArchitectureOptions): Promise<Student> {
  const { classes, widthMultiplier = 1, seed } = options;
  const architecture = architectureName(options.architecture);
  const { enlargement, heads } = architectureOf(architecture);
  const network = { classes: classes.count, widthMultiplier };
  const graph = createGraph(architecture);
  // Names and shapes of parameters are the same at any size.
  buildNetwork(architecture, graph, input(graph, 'image', 'float32', [1, 3, 64, 64]), { ...network, mode: inference });
  const first: Map<string, Tensor> = initializeParameters(graph, seed);
  for (const [name, content] of await givenWeights(architecture, first, options)) first.set(name, content);
  return {
    name: architecture,
    classes,
    preprocessing: defaultPreprocessing,
    weights: first,
    enlargement,
    isHead: (name) => heads.test(name),
    build(image, mode) {
      const outputs = buildNetwork(architecture, image.graph, image, { ...network, mode });
      const { logits, auxiliary, boundary, features } = outputs;
      return {
        logits,
        auxiliaries: auxiliary ? [auxiliary] : [],
        boundary,
        features: new Map(Object.entries(features)),
      };
    },
    toModel: (weights, { size: [height, width], description }) =>
      writeModel(buildModel({ architecture, ...network, height, width, weights, description })),
  };
}

/** Weights of the whole network, or of its backbone, that fit it. */
async function givenWeights(
  architecture: string,
  own: ReadonlyMap<string, Tensor>,
  { weights, backbone }: ArchitectureOptions,
): Promise<ReadonlyMap<string, Tensor>> {
  const expected = new Map([...own].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
  if (weights !== undefined) {
    const given = await readWeights(weights);
    // Models made for use have no auxiliary head, which only training needs: it begins anew.
    const hasAuxiliary = [...given.keys()].some(isAuxiliary);
    const wanted = new Map([...expected].filter(([name]) => hasAuxiliary || !isAuxiliary(name)));
    return loadStateDict(wanted, given, weights);
  }
  if (backbone === undefined) return new Map();
  const { heads, backbone: required } = architectureOf(architecture);
  const given = renamePublished((await readStateDict(backbone)).tensors, backbone).tensors;
  const { tensors: found, match } = loadBackbone(expected, given, (name) => !heads.test(name));
  if (found.size === 0) {
    throw new SteadysegError(`${backbone}: expected a backbone of ${architecture}, found none of its weights`);
  }
  const missing = [...expected.keys()].filter((name) => required.test(name) && !found.has(name));
  if (missing.length === 0) return found;
  throw new SteadysegError(
    `${backbone}: expected a backbone of ${architecture}, found no ${missing[0]} of its shape${missing.length > 1 ? ` (and ${missing.length - 1} more)` : ''}; ${describeMatch(match).replaceAll('\n', '; ')}`,
  );
}

/** Of a weights file, or of the model of another run. */
async function readWeights(path: string): Promise<ReadonlyMap<string, Tensor>> {
  if (!path.toLowerCase().endsWith('.onnx')) return renamePublished((await readStateDict(path)).tensors, path).tensors;
  const weights = weightsOfModel(await readModelFile(path), path);
  if (weights) return weights;
  throw new SteadysegError(`${path}: expected a model made by steadyseg, found one that names none of its networks`);
}

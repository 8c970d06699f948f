// A network as quantisation takes it: float32, no normalisations of fixed statistics, no vanished weights, no work on constants, an operator
// set with bytes.
import { SteadysegError } from '../base/errors.js';
import { multiplyAddsOf } from '../onnx/flops.js';
import { foldBatchNorm } from '../onnx/foldBatchNorm.js';
import { importModel } from '../onnx/import.js';
import type { Model } from '../onnx/model.js';
import { upgradeModel } from '../onnx/upgradeModel.js';
import { withoutVanishedWeights } from '../onnx/vanishing.js';
import { widenModel } from '../onnx/widen.js';
import type { Shape } from '../tensor/tensor.js';
import { computeConstants } from './constants.js';

/** The oldest operator set with a scale for each channel. */
const neededOpset = 13;

/** A network ready for integers, and what is known of its values at one input size. */
export interface FloatNetwork {
  readonly model: Model;
  /** Shapes of values; those that are not known are not there. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Multiply–adds of the operators that give values, where they have any. */
  readonly multiplyAdds: ReadonlyMap<string, number>;
}

/** Operators of quantised networks. */
const quantised =
  /^(QuantizeLinear|DequantizeLinear|DynamicQuantize.*|QLinear.*|QGemm|ConvInteger|MatMulInteger.*|MatMulNBits)$/;

/**
 * @param source names the model in errors.
 * @throws SteadysegError for a network that is quantised already, or that cannot be brought into this form.
 */
export async function prepareFloat(
  model: Model,
  source: string,
  inputShapes: Readonly<Record<string, Shape>>,
): Promise<FloatNetwork> {
  const already = model.graph.nodes.filter(({ op }) => quantised.test(op));
  if (already.length > 0) {
    throw new SteadysegError(
      `${source}: expected a float network, found one that is quantised already (${already.length} operators such as ${already[0].op}): quantise the network that it was made of`,
    );
  }
  const plain = await computeConstants(upgradeModel(widenModel(model), neededOpset), source);
  const folded = withoutVanishedWeights(foldBatchNorm(plain));
  return { model: folded, ...measured(folded, inputShapes) };
}

/** What shape inference tells; nothing where it does not know an operator. */
function measured(model: Model, inputShapes: Readonly<Record<string, Shape>>): Omit<FloatNetwork, 'model'> {
  try {
    const { nodes } = importModel(model, { inputShapes }).graph;
    return {
      shapes: new Map(nodes.flatMap(({ outputs }) => outputs.map(({ name, shape }) => [name, shape] as const))),
      multiplyAdds: new Map(nodes.map((node) => [node.outputs[0].name, multiplyAddsOf(node)])),
    };
  } catch (thrown) {
    if (!(thrown instanceof SteadysegError)) throw thrown;
    return { shapes: new Map(), multiplyAdds: new Map() };
  }
}

// Values that the processes of a distributed graph ("ranks") share: each runs the graph on its own samples of one batch.
import { addNode, type Graph, input, type OperatorRules, ownDomain, type Value } from './graph.js';
import { mul, reshape } from './ops.js';

/** The operator at which a graph is cut to be run (onnx/cut.ts). */
export const rankSum = 'SumOverRanks';
/** The input, of as many values as there are ranks, that is 1 at this one's place and 0 elsewhere. */
export const rankInput = 'rank';

/** Σ over all ranks, the same on each; of one rank the value itself. Loss terms of ranks are averaged, gradients with them. */
export function sumOverRanks(value: Value): Value {
  if (value.graph.ranks === 1) return value;
  return addNode(value.graph, rankSum, [value], {}, 1, { domain: ownDomain, rules })[0];
}

/**
 * y = Σ x over ranks, on each of them: what changes x on one changes the losses of all, so the gradient is the sum of theirs.
 * With each rank's gradients being those of the sum of all losses, their mean over ranks is that of the mean loss.
 */
const rules: OperatorRules = {
  outputs: ({ inputs: [x] }) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []),
  gradient(site) {
    const gradient = site.full(0);
    return gradient ? [sumOverRanks(gradient)] : [];
  },
};

/** The mean over all ranks: what a batch-wide divisor of a loss has to be, so that the mean of the ranks' losses is that of the batch. */
export function meanOverRanks(value: Value): Value {
  return value.graph.ranks === 1 ? value : mul(sumOverRanks(value), 1 / value.graph.ranks);
}

/** R×… values of all ranks, on each, in their order. */
export function gatherOverRanks(value: Value): Value {
  const { graph, shape } = value;
  if (graph.ranks === 1) return reshape(value, [1, ...shape]);
  const own = reshape(rankOf(graph), [graph.ranks, ...shape.map(() => 1)]);
  return sumOverRanks(mul(own, value));
}

function rankOf(graph: Graph): Value {
  return graph.inputs.find(({ name }) => name === rankInput) ?? input(graph, rankInput, 'float32', [graph.ranks]);
}

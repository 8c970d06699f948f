// Softmax of operator sets before 13, which takes all axes from one on for one.
import { elementCount } from '../../tensor/tensor.js';
import { addNode } from '../graph.js';
import { intAttribute, normalizeAxis } from '../inference/rule.js';
import { int } from '../model.js';
import { reshape } from '../ops.js';
import { type Lowering, type Lowerings, valueAt } from './site.js';

const flattened: Lowering = (site) => {
  if (site.opset >= 13) return undefined;
  const x = valueAt(site, 0);
  const along = (value: typeof x) => addNode(site.graph, site.op, [value], { axis: int(-1) })[0];
  const first = normalizeAxis(site, intAttribute(site, 'axis', 1), x.shape.length);
  if (first === x.shape.length - 1) return [along(x)];
  const flat = [elementCount(x.shape.slice(0, first)), elementCount(x.shape.slice(first))];
  return [reshape(along(reshape(x, flat)), x.shape)];
};

export const softmaxes: Lowerings = { LogSoftmax: flattened, Softmax: flattened };

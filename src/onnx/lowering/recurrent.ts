// Recurrent layers, unrolled: one step after the other along the first axis.
import type { Value } from '../graph.js';
import { intAttribute, refuse, stringAttribute } from '../inference/rule.js';
import { add, concat, filled, matMul, mul, relu, reshape, sigmoid, slice, sub, tanh, transpose } from '../ops.js';
import { readStrings } from '../read.js';
import { type Lowering, type LoweringSite, type Lowerings, valueAt } from './site.js';

/** Longer sequences make graphs of too many nodes. */
const MAX_STEPS = 1024;

/** Weights of one direction. */
interface Cell {
  readonly hidden: number;
  /** Products of the step's input with the gates' weights, their biases added: batch × gates·hidden. */
  readonly input: (step: number) => Value;
  /** Products of a state with the weights of gates `first` to before `end`, their biases added. */
  readonly recurrent: (state: Value, first: number, end: number) => Value;
  /** The activations of gates, of candidates and (LSTM) of the memory that is put out. */
  readonly activations: readonly Activation[];
}

type Activation = (x: Value) => Value;

const activations: Readonly<Record<string, Activation>> = { relu, sigmoid, tanh };

/** States of a cell; the first is what it puts out. */
type States = readonly Value[];

interface Recurrence {
  /** Names of the activations that a node has which names none. */
  readonly activations: readonly string[];
  readonly gates: number;
  readonly states: number;
  readonly step: (cell: Cell, input: Value, states: States) => States;
}

/** Columns of gates. */
const gatesOf = (value: Value, hidden: number, first: number, end: number) =>
  slice(value, [1], [first * hidden], [end * hidden]);

const lstm: Recurrence = {
  activations: ['sigmoid', 'tanh', 'tanh'],
  gates: 4,
  states: 2,
  step(cell, input, [output, memory]) {
    const sum = add(input, cell.recurrent(output, 0, 4));
    const gate = (index: number) => gatesOf(sum, cell.hidden, index, index + 1);
    const [open, candidate, shown] = cell.activations;
    const next = add(mul(open(gate(2)), memory), mul(open(gate(0)), candidate(gate(3))));
    return [mul(open(gate(1)), shown(next)), next];
  },
};

/** `resetFirst`: the state is reset before its product with the weights, not after. */
const gru = (resetFirst: boolean): Recurrence => ({
  activations: ['sigmoid', 'tanh'],
  gates: 3,
  states: 1,
  step(cell, input, [state]) {
    const { hidden, recurrent } = cell;
    const [open, close] = cell.activations;
    const gates = open(add(gatesOf(input, hidden, 0, 2), recurrent(state, 0, 2)));
    const [update, reset] = [0, 1].map((index) => gatesOf(gates, hidden, index, index + 1));
    const own = resetFirst ? recurrent(mul(reset, state), 2, 3) : mul(reset, recurrent(state, 2, 3));
    const candidate = close(add(gatesOf(input, hidden, 2, 3), own));
    return [add(candidate, mul(update, sub(state, candidate)))];
  },
});

const plain: Recurrence = {
  activations: ['tanh'],
  gates: 1,
  states: 1,
  step: (cell, input, [state]) => [cell.activations[0](add(input, cell.recurrent(state, 0, 1)))],
};

/** Settings that change the arithmetic are refused, but for those that say what is usual. */
function expectUsual(site: LoweringSite): void {
  const lengths = site.inputs[4];
  const [steps] = valueAt(site, 0).shape;
  const whole = lengths?.constant && Array.from(lengths.constant.data, Number).every((length) => length === steps);
  const unusual = [
    ['numbers of activations', site.attributes.activation_alpha ?? site.attributes.activation_beta],
    ['clip', site.attributes.clip],
    ['input_forget', intAttribute(site, 'input_forget', 0) === 1],
    ['layout', intAttribute(site, 'layout', 0) === 1],
    ['lengths of sequences', lengths && !whole],
    ['peepholes', site.inputs[7]],
  ].flatMap(([name, present]) => (present ? [name] : []));
  if (unusual.length > 0) throw refuse(site, `${unusual.join(' and ')} of recurrent layers are not supported`);
  if (steps > MAX_STEPS) throw refuse(site, `expected sequences of at most ${MAX_STEPS} steps, found ${steps}`);
}

function activationsOf(site: LoweringSite, direction: number, usual: readonly string[]): Activation[] {
  const names = readStrings(site.attributes.activations)?.slice(direction * usual.length) ?? usual;
  return usual.map((_, i) => {
    const activation = activations[names[i]?.toLowerCase() ?? ''];
    if (!activation) throw refuse(site, `the activation ${names[i]} of recurrent layers is not supported`);
    return activation;
  });
}

function cellOf(site: LoweringSite, direction: number, { gates, activations: usual }: Recurrence): Cell {
  const [x, bias] = [valueAt(site, 0), site.inputs[3]];
  const part = (index: number) => {
    const value = valueAt(site, index);
    return reshape(slice(value, [0], [direction], [direction + 1]), value.shape.slice(1));
  };
  const [weight, recurrence] = [part(1), part(2)];
  const hidden = recurrence.shape[1];
  const biased = (product: Value, first: number, end: number) => {
    if (!bias) return product;
    const own = slice(bias, [0, 1], [direction, first * hidden], [direction + 1, end * hidden]);
    return add(product, reshape(own, [(end - first) * hidden]));
  };
  const inputs = biased(matMul(x, transpose(weight, [1, 0])), 0, gates);
  const turned = transpose(recurrence, [1, 0]);
  return {
    hidden,
    activations: activationsOf(site, direction, usual),
    input: (step) => reshape(slice(inputs, [0], [step], [step + 1]), inputs.shape.slice(1)),
    recurrent: (state, first, end) =>
      biased(matMul(state, gatesOf(turned, hidden, first, end)), gates + first, gates + end),
  };
}

/** X, weights of inputs and states, biases, lengths, and first states; outputs all states, the last one, and the last memory. */
const recurrent =
  (recurrenceOf: (site: LoweringSite) => Recurrence): Lowering =>
  (site) => {
    expectUsual(site);
    const recurrence = recurrenceOf(site);
    const { states, step } = recurrence;
    const [steps, batch] = valueAt(site, 0).shape;
    const direction = stringAttribute(site, 'direction', 'forward');
    const backward = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
    const results = backward.map((reversed, index) => {
      const cell = cellOf(site, index, recurrence);
      const first = (state: number) => {
        const given = site.inputs[5 + state];
        if (!given) return filled(site.graph, [batch, cell.hidden], 0);
        return reshape(slice(given, [0], [index], [index + 1]), [batch, cell.hidden]);
      };
      let current: States = Array.from({ length: states }, (_, state) => first(state));
      const outputs: Value[] = [];
      for (let i = 0; i < steps; i++) {
        const at = reversed ? steps - 1 - i : i;
        current = step(cell, cell.input(at), current);
        outputs[at] = reshape(current[0], [1, 1, batch, cell.hidden]);
      }
      return { all: concat(outputs, 0), last: current.map((state) => reshape(state, [1, batch, cell.hidden])) };
    });
    const all = concat(
      results.map((result) => result.all),
      1,
    );
    const last = Array.from({ length: states }, (_, state) =>
      concat(
        results.map((result) => result.last[state]),
        0,
      ),
    );
    return [all, ...last].slice(0, site.outputCount);
  };

export const recurrences: Lowerings = {
  GRU: recurrent((site) => gru(intAttribute(site, 'linear_before_reset', 0) === 0)),
  LSTM: recurrent(() => lstm),
  RNN: recurrent(() => plain),
};

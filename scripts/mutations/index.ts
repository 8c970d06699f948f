// All mistakes that the tests must see.
import { adapt } from './adapt.js';
import { data } from './data.js';
import { drawing } from './drawing.js';
import { flow } from './flow.js';
import { gradients } from './gradients.js';
import { graphs } from './graphs.js';
import { losses } from './losses.js';
import { measures } from './measures.js';
import type { Mutation } from './mutation.js';
import { networks } from './networks.js';
import { operators } from './operators.js';
import { quantize } from './quantize.js';
import { ranks } from './ranks.js';
import { training } from './training.js';

export const mutations: readonly Mutation[] = [
  ...measures,
  ...drawing,
  ...losses,
  ...flow,
  ...training,
  ...ranks,
  ...adapt,
  ...data,
  ...graphs,
  ...gradients,
  ...operators,
  ...networks,
  ...quantize,
];

// Peak memory and time of the pair-wise frames loss with its gradient, by default at 96×96 positions.
// Usage: npm run bench -- out/bench/similarity.js [--positions 96x96] [--channels 512] [--teacher 1024] [--rows 1024]
import { parseArgs } from 'node:util';
import { gradients } from '#src/autodiff/gradients.js';
import { pairFramesLoss } from '#src/losses/similarity.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';

const { values } = parseArgs({
  options: {
    positions: { type: 'string', default: '96x96' },
    channels: { type: 'string', default: '512' },
    teacher: { type: 'string', default: '1024' },
    rows: { type: 'string', default: '1024' },
  },
});
const [height, width] = values.positions.split('x').map(Number);
const graph = createGraph('pair-wise frames');
const shapeOf = (channels: string) => [1, Number(channels), height, width];
const map = (name: string, channels: string) => input(graph, name, 'float32', shapeOf(channels));
const student = { frame: map('frame', values.channels), neighbour: map('neighbour', values.channels) };
const teacher = { frame: map('teacherFrame', values.teacher), neighbour: map('teacherNeighbour', values.teacher) };
const loss = pairFramesLoss(student, teacher, { blockRows: Number(values.rows) });
const [frame, neighbour] = gradients(graph, loss, [student.frame, student.neighbour]);
// As a training step runs.
const session = await createSession(
  writeModel(exportModel(graph, { loss, gradient: frame, neighbourGradient: neighbour })),
  {
    optimization: 'disabled',
    memoryPattern: false,
  },
);
const feeds = Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, symmetricByName(name, shape, 1)]));
const before = process.resourceUsage().maxRSS / 1024;
const started = performance.now();
const found = await session.run(feeds);
const seconds = (performance.now() - started) / 1000;
const peak = process.resourceUsage().maxRSS / 1024;
console.log(
  `${values.positions} positions, ${values.channels} and ${values.teacher} channels, blocks of ${values.rows} rows: loss ${found.loss.data[0]}, peak ${peak.toFixed(0)} MB (${before.toFixed(0)} MB before the run), ${seconds.toFixed(1)} s`,
);

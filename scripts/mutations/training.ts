// Mistakes in the arithmetic of training: optimisers, schedules, the state of a run, what a step is fed, validation.
import { changes } from './mutation.js';

const optimizer = 'test/train/optimizer.test.ts';
const deviceStepper = 'test/train/deviceStepper.test.ts';
const state = 'test/train/state.test.ts';
const config = 'test/train/config.test.ts';
const step = 'test/train/step.test.ts';
const lossTable = 'test/train/lossTable.test.ts';
const feeds = 'test/train/feeds.test.ts';
const flow = 'test/train/batchFlow.test.ts';
const teacher = 'test/train/teacher.test.ts';
const validate = 'test/train/validate.test.ts';
const convert = 'test/train/convert.test.ts';
const checkClasses = 'test/train/checkClasses.test.ts';
const mixed = 'test/train/mixedPrecision.test.ts';
const student = 'test/train/student.test.ts';
const trainer = 'test/train/configuredRun.test.ts';

export const training = [
  ...changes('segment/saidDescription', student, [
    ['byCaller || ', ''],
    ['inFile && channelOrder !== undefined', 'false'],
    ['...metadata,', ''],
    ['if (beside)', 'if (false)'],
    ['JSON.stringify(said) === JSON.stringify(metadata)', 'false'],
  ]),
  ...changes('train/checkClasses', checkClasses, [
    ['names.slice(0, data.classes.length)', 'names'],
    ['presetNames.includes(data.name)', 'false'],
    ['presetNames.includes(data.name)', 'true'],
  ]),
  ...changes('train/trainingData', checkClasses, [
    ['counts[0] !== counts[1]', 'false'],
    ['contradicts(found, of)', 'undefined'],
    ['if (labels)', 'if (true)'],
  ]),
  ...changes('train/optimizers/sgd', optimizer, [
    [' + weightDecay * weight[i]', ''],
    ['+ weightDecay * weight[i]', '- weightDecay * weight[i]'],
    ['momentum * velocity[i]', 'velocity[i]'],
    ['weight[i] -= rate', 'weight[i] += rate'],
    ['velocity[i] = next', 'velocity[i] = rate * next'],
  ]),
  ...changes('train/optimizers/adam', optimizer, [
    ['beta1 ** (step + 1)', 'beta1 ** (step + 2)'],
    ['beta2 ** (step + 1)', 'beta2 ** (step + 2)'],
    ['(1 - beta1) * slope', 'slope'],
    ['(1 - beta2) * slope * slope', '(1 - beta2) * slope'],
    ['Math.sqrt(moment2[i]) / correction + epsilon', 'Math.sqrt(moment2[i] + epsilon) / correction'],
    [' + weightDecay * weight[i]', ''],
  ]),
  ...changes('train/optimizers/adamW', optimizer, [
    ['1 - step.rate * weightDecay', '1 + step.rate * weightDecay'],
    ['1 - step.rate * weightDecay', '1 - weightDecay'],
    ['...step, weightDecay: 0 }', '...step, weightDecay }'],
  ]),
  ...changes('train/gradientClipping', optimizer, [
    ['value * value', 'Math.abs(value)'],
    ['factor >= 1', 'factor <= 1'],
    ['gradient[i] *= factor', 'gradient[i] /= factor'],
  ]),
  ...changes('train/weightAverage', optimizer, [
    ['Math.min(decay', 'Math.max(decay'],
    ['step / (step + beginning)', '(step + 1) / (step + 1 + beginning)'],
    ['kept * mean[i] + (1 - kept) * values[i]', '(1 - kept) * mean[i] + kept * values[i]'],
  ]),
  ...changes('train/schedule', optimizer, [
    ['step / steps', '(step + 1) / steps'],
    ['(1 - progress) ** options.power', '1 - progress ** options.power'],
    ['1 + Math.cos', '1 - Math.cos'],
    ['return (step + 1) / warmup', 'return step / warmup'],
    ['1 - (1 - step / warmup) * (1 - warmupFrom)', '1 - (1 - step / warmup) * warmupFrom * 3'],
  ]),
  ...changes('train/parameterGroups', optimizer, [
    ['heads.factor * rate', 'rate'],
    ['shape.length > 1', 'shape.length > 0'],
    ['weightDecay * decay', 'weightDecay'],
    ['patterns.find', 'patterns.findLast'],
  ]),
  ...changes('train/checkpoint', convert, [
    ['file.tensors.has(averaged) ? averaged : stored', 'stored'],
    ['tensor(dtype, shape, data)', 'tensor(dtype, [data.length], data)'],
  ]),
  ...changes('train/runWeights', convert, [['[best, last]', '[last, best]']]),
  ...changes('train/convert', convert, [
    ['record.step === step', 'record.step < step'],
    ['size ? [size.height, size.width] : config.crop', 'config.crop'],
  ]),
  ...changes('train/config', config, [
    ['[0.9, 0.999]', '[0.9, 0.99]'],
    ["method === 'sgd' ? 0.01 : 0.001", '0.01'],
    ['adam: 0, adamw: 0.01', 'adam: 0.01, adamw: 0'],
    ["key(share, 0.1, 'share of the channels", "key(share, 0.2, 'share of the channels"],
  ]),
  ...changes('train/runningStatistics', state, [
    ['momentum = 0.1', 'momentum = 0.2'],
    ['(1 - momentum) * running[i]', 'running[i]'],
    ['count / (count - 1)', '1'],
    ['count / (count - 1)', '(count - 1) / count'],
  ]),
  ...changes('train/optimizers/sgd', deviceStepper, [
    ['mul(velocity, momentum)', 'velocity'],
    ['sub(weight, mul(next, rate))', 'sub(weight, next)'],
  ]),
  ...changes('train/optimizers/updateRule', deviceStepper, [['add(gradient, mul(weight, weightDecay))', 'gradient']]),
  ...changes('train/optimizers/adam', deviceStepper, [
    ['mul(slope, 1 - beta1)', 'slope'],
    ['mul(mul(slope, slope), 1 - beta2)', 'mul(slope, 1 - beta2)'],
    ['div(sqrt(square), correction)', 'sqrt(square)'],
    ['div(rate, bias)', 'rate'],
  ]),
  ...changes('train/optimizers/adamW', deviceStepper, [['sub(1, mul(step.rate, weightDecay))', 'sub(1, step.rate)']]),
  ...changes('train/gradientClipping', deviceStepper, [
    ['mul(gradient, gradient)', 'gradient'],
    ['mul(gradient, factor)', 'gradient'],
  ]),
  ...changes('train/weightAverage', deviceStepper, [['mul(values, sub(1, kept))', 'mul(values, kept)']]),
  ...changes('train/runningStatistics', deviceStepper, [['mul(batch, momentum * factor)', 'mul(batch, momentum)']]),
  ...changes('train/deviceStepper', deviceStepper, [['if (applies)', 'if (true)']]),
  ...changes('train/updateGraph', deviceStepper, [
    ['mul(sum, 1 / gradients.length)', 'sum'],
    ['mul(rate, factor)', 'rate'],
    ['next.get(running) ?? held(running)', 'held(running)'],
  ]),
  ...changes('train/state', state, [
    ['gradient[i] /= batches.length', 'gradient[i] /= 1'],
    ['found[name].data[0]) / batches.length', 'found[name].data[0])'],
    ['sum[i] += gradient[i]', 'sum[i] = gradient[i]'],
  ]),
  ...changes('train/state', optimizer, [
    ['rate * group.rateFactor', 'rate'],
    ['weightDecay: group.weightDecay', 'weightDecay: 0'],
    ['averaging, step)', 'averaging, step + 1)'],
    ['> 0 ? slots.get(averagedSlot)', '> 9 ? slots.get(averagedSlot)'],
  ]),
  ...changes('train/lossScale', mixed, [
    ['scale.factor /= 2', 'scale.factor *= 2'],
    ['growthInterval = 2000', 'growthInterval = 2001'],
    ['scale.skipped++', 'scale.skipped'],
    ['2 * scale.factor', 'scale.factor'],
    ['gradient.every(Number.isFinite)', '!gradient.some(Number.isNaN)'],
  ]),
  ...changes('train/state', mixed, [
    ['if (!applies)', 'if (false)'],
    ['step - (lossScale?.skipped ?? 0)', 'step'],
    ['Float32Array.of(lossScale.factor)', 'Float32Array.of(1)'],
  ]),
  ...changes('train/step', mixed, [
    ['div(computed[i], scale)', 'computed[i]'],
    ['mul(outputs.loss, scale)', 'outputs.loss'],
  ]),
  ...changes('train/trainer', trainer, [
    ['config.network.backbone ? 10 : 1', '1'],
    ['step: state.step * config.accumulate }', 'step: state.step }'],
  ]),
  ...changes('train/feeds', feeds, [
    ['? 0 : 1 / (1 - rate)', '? 0 : 1'],
    ['random.uniform() < rate', 'random.uniform() > rate'],
    ['dropout.rate * share', 'dropout.rate'],
    ['offset !== 0', 'offset === 0'],
    ['data.length - count * elementCount(rest)', '0'],
    ['slice(-step.withNeighbours)', 'slice(0, step.withNeighbours)'],
    ["'dropout', draw, name", "'dropout', name"],
    ['batch.neighbours[k - 1]', 'batch.neighbours[0]'],
  ]),
  ...changes('train/batchFlow', flow, [
    ["'forward'", "'backward'"],
    ['fill(1, n * pixels', 'fill(1, 0'],
  ]),
  ...changes('flow/planes', flow, [['data[2 * i + 1]', 'data[2 * i]']]),
  ...changes('train/classMap', teacher, [
    ['ids.length === 1 && ids[0] === id', 'ids.length === 1'],
    ['{ length: student.count }, (_, id) => [id]', '{ length: student.count }, (_, id) => [student.count - 1 - id]'],
  ]),
  ...changes('train/teacher', teacher, [
    ['large % small === 0 ? large / small : 1', '1'],
    ['data.set(part.data, n * part.data.length)', 'data.set(part.data, 0)'],
  ]),
  ...changes('train/normalize', teacher, [
    ['sub(frames, perChannel(mean))', 'frames'],
    ['div(frames, perChannel(std))', 'frames'],
    ['Int32Array.of(2, 1, 0)', 'Int32Array.of(0, 1, 2)'],
  ]),
  ...changes('train/step', step, [
    ['weight === 1 ? value : mul(value, weight)', 'value'],
    ['sub(teacher, peak)', 'teacher'],
    ['row * count + from', 'row * count + row'],
    ['[batch - withNeighbours], [batch]', '[0], [withNeighbours]'],
    ['Math.min(rows, height)', 'rows'],
  ]),
  ...changes('train/lossTable', lossTable, [
    ['antiCollapse = 0.1', 'antiCollapse = 1'],
    ["frame === 'frame' ? undefined : site.weights", 'undefined'],
    ['[frames[0], frames[frames.length - 1]]', '[frames[0], frames[0]]'],
    ["front: of('before')", "front: of('after')"],
    ['pooling?.pairFrames ?? 1', '2'],
  ]),
  ...changes('train/validate', validate, [
    ['first.flow(1), second.flow(-1)', 'first.flow(-1), second.flow(-1)'],
    ["confusion ?? noConfusion(classes)), 'cityscapes'", "confusion ?? noConfusion(classes)), 'semseg'"],
    ["'cityscapes', ignoreLabel)", "'cityscapes')"],
    ['addConfusion(confusion ?? noConfusion(classes)', 'addConfusion(noConfusion(classes)'],
    ['warpLabels(prediction, ...flow', 'warpLabels(previous.prediction, ...flow'],
    ['previous && follows(previous.sample, sample)', 'previous'],
    ["source.flow(pair, 'backward')", "source.flow(pair, 'forward')"],
  ]),
];

// Mistakes in the arithmetic of adapting: consensus, targets, what is fed, what is held back, the choice.
import { changes } from './mutation.js';

const adapting = 'test/adapt/adapt.test.ts';
const adaptable = 'test/adapt/adaptable.test.ts';
const clip = 'test/adapt/clip.test.ts';
const consensus = 'test/adapt/consensus.test.ts';
const training = 'test/adapt/training.test.ts';
const predictor = 'test/adapt/predictor.test.ts';
const regions = 'test/adapt/regions.test.ts';
const gone = 'test/adapt/gone.test.ts';
const shards = 'test/adapt/shards.test.ts';
const smooth = 'test/adapt/smooth.test.ts';

export const adapt = [
  ...changes('adapt/consensus', consensus, [
    ['x + flow.data[2 * pixel]', 'x - flow.data[2 * pixel]'],
    ['hidden[pixel] !== 0', 'hidden[pixel] === 0'],
    ['(1 - fx) * (1 - fy), fx * (1 - fy)', 'fx * (1 - fy), (1 - fx) * (1 - fy)'],
    ['(1 - fx) * fy, fx * fy', 'fx * fy, (1 - fx) * fy'],
    ['share * share :', 'share :'],
    ['1 / temperature', 'temperature'],
    ['255 * powers[c]', '256 * powers[c]'],
    ['share ** -0.5', 'share ** -1'],
    ['weight * shares[c]', 'weight'],
    ['weight / scale', 'weight * scale'],
  ]),
  ...changes('adapt/clip', shards, [
    ['window.from - reach', 'window.from'],
    ['window.to + reach', 'window.to'],
    ['t < range.to', 't <= range.to'],
  ]),
  ...changes('adapt/judge', gone, [
    ['share >= leastShare', 'share > leastShare'],
    ['goneShare * share', 'share'],
  ]),
  ...changes('adapt/judge', clip, [
    ['original[i] = best', 'original[i] = 0'],
    [
      'countRegions(regions, consensus, original, labels.data',
      'countRegions(regions, consensus, labels.data, original',
    ],
  ]),
  ...changes('adapt/regions', regions, [
    ['Math.sqrt(large / area)', 'large / area'],
    ['Math.max(1,', 'Math.max(0,'],
    ['largeShare = 0.01', 'largeShare = 0.02'],
    ['mostWeight = 4', 'mostWeight = 5'],
    ['x < width - 1', 'x < width'],
    ['x > 0', 'x > -1'],
    ['[1e-4, 16]', '[1e-3, 16]'],
    ['[1e-4, 16]', '[1e-4, 17]'],
    ['area < smallest ? unit', 'area < 0 ? unit'],
  ]),
  ...changes('adapt/lostRegions', regions, [
    ['seen[region] < seenShare', 'seen[region] <= seenShare'],
    ['left[region] < leftShare', 'left[region] <= leftShare'],
    ['before[pixel] === consensus[pixel]', 'before[pixel] === after[pixel]'],
    ['lost >= leastLost', 'lost > leastLost'],
    ['lost >= manyLost', 'lost > manyLost'],
    ['after.lost[label] - before.lost[label]', 'after.lost[label]'],
    ['sum(lost) / Math.max(1, sum(seen))', 'sum(lost) / sum(seen)'],
  ]),
  ...changes('adapt/adaptable', adaptable, [
    ['length > 1).length > 1', 'length > 1).length > 0'],
    ['student.trains?.(name) && ', ''],
    ['!general || ', ''],
  ]),
  ...changes('adapt/adapt', adapting, [['index % keptHeldEvery === keptHeldEvery - 1', 'index < 0']]),
  ...changes('adapt/adaptClip', adapting, [
    ['reach < here', 'reach > here'],
    ['trained.steps < steps', 'trained.steps > steps'],
    ["round(renewed, trained.weights, 'second')", "round(renewed, student.weights, 'second')"],
    ["round(renewed, trained.weights, 'second')", "round(clip, trained.weights, 'second')"],
  ]),
  ...changes('adapt/rounds', adapting, [
    ['(2 * steps) / 5', '(3 * steps) / 5'],
    ['5 * frames', '4 * frames'],
    ['Math.max(leastSteps,', 'Math.min(leastSteps,'],
  ]),
  ...changes('adapt/shards', shards, [
    ['targetSums[c] += sum', 'targetSums[c] = sum'],
    ['start(index + 1)', 'start(index + 1) - 1'],
  ]),
  ...changes('adapt/clipConsensus', clip, [
    ['consensusReach = 4', 'consensusReach = 3'],
    ['d <= reach', 'd < reach'],
    ['t + step * d', 't + d'],
    ['step > 0 ? other - 1 : other', 'other'],
    ['readFlow(files.backward, s - 1,', 'readFlow(files.backward, s,'],
    ['sums[c] += data[i + c]', 'sums[c] += 1'],
    ["into === 'targets'", 'true'],
  ]),
  ...changes('adapt/consensusThreads', clip, [
    ['start(k + 1)', 'start(k + 1) - 1'],
    ['first + Math.floor', 'Math.floor'],
    ['temperature, reach, window }', 'temperature, window }'],
    ['if (failure)\n                reject(failure.thrown);\n            else if', 'if'],
    ['failure ??= { thrown };\n            stopAll()', 'stopAll()'],
    ['sum + of[c]', 'of[c]'],
    ['t < count', 't < count - 1'],
  ]),
  ...changes('adapt/clip', clip, [
    ['(before[i] + now[i]) / 2', 'now[i]'],
    ['targets: files.renewed', 'targets: files.targets'],
    ['previous.clip === clip && ', ''],
    ['shown >= smallestOverlap', 'shown < smallestOverlap'],
    ['planes[pixels + i] = data[3 * i + 1]', 'planes[pixels + i] = data[3 * i + 2]'],
    ['planes[c * pixels + i]', 'planes[i]'],
  ]),
  ...changes('adapt/judge', clip, [
    ['0.9 * 255', '0.8 * 255'],
    ['tally.kept / tally.sure', 'tally.kept / tally.pixels'],
    ['own[label]++', 'own[0]++'],
    ['readFlow(files.backward, index - 1,', 'readFlow(files.forward, index - 1,'],
    ['sum + value - found.steady[c]', 'sum + value'],
    ['previous.labels, warped', 'labels, warped'],
    ['addCounts(consistency, ', 'addCounts(noCounts(classes), '],
  ]),
  ...changes('adapt/smooth', smooth, [
    ['(i % pixels) * classes + Math.floor(i / pixels)', 'i'],
    ['flow, reach,', 'flow,'],
    ['reach > MAX_REACH', 'reach > MAX_REACH + 1'],
    ['checkNetwork(model);', ''],
  ]),
  ...changes('adapt/pairFeeds', clip, [
    ['mirrored ? -flow.data[2 * from]', 'mirrored ? flow.data[2 * from]'],
    ['i + width - 1 - 2 * x', 'i'],
    ['hidden[from] === 0 ? 1 : 0', 'hidden[from] === 0 ? 0 : 1'],
    ['width - 1 - x', 'x'],
    ['files.targets.read(t + 1)', 'files.targets.read(t)'],
    ['files.frames.read(t + 1)', 'files.frames.read(t)'],
    ['regionWeights(nextLabels, clip)', 'regionWeights(labels, clip)'],
    ['files.consensus.read(t + 1)', 'files.consensus.read(t)'],
  ]),
  ...changes('adapt/predictor', predictor, [
    ['softmax(view.mirrored ? mirror(found) : found, 1)', 'softmax(found, 1)'],
    ['1 / (1 + others.length)', '1'],
    ["size.width, 'half_pixel'", "size.width, 'align_corners'"],
    ['mul(last, 255), 0.5', 'mul(last, 255), 0'],
    ['[0, 2, 3, 1]', '[0, 3, 2, 1]'],
  ]),
  ...changes('adapt/views', predictor, [
    ['[1, 0.75, 1.25]', '[1, 1.25, 0.75]'],
    ['Math.round((length * scale) / stride) * stride', 'Math.round(length * scale)'],
    ['[false, true]', '[true, false]'],
  ]),
  ...changes('data/labelledFrames', adapting, [['found.size === 0', 'found.size < 0']]),
  ...changes('adapt/judge', adapting, [
    ['enlarged(labels, label), label', 'label, label'],
    ['before[i] === after[i]', 'before[i] === before[i]'],
    ['addConfusion(confusion ?? noConfusion(classes)', 'addConfusion(noConfusion(classes)'],
  ]),
  ...changes('adapt/training', training, [
    ['rate: 2e-4', 'rate: 2e-3'],
    ["mean: 'visible'", "mean: 'elements'"],
    ["compare: 'probabilities'", "compare: 'logits'"],
    ['consensus: 1, motion: method.motion', 'consensus: 1, motion: 1'],
    ['targetWeights(clip.targetSums)', 'clip.targetSums.map(() => 1)'],
    ['random.uniform() < 0.5', 'false'],
  ]),
  ...changes('adapt/training', adapting, [['sum[i] += factor * value[i]', 'sum[i] -= factor * value[i]']]),
  ...changes('adapt/adaptClip', adapting, [
    ["classWeights === 'balanced' ? of.targetSums", 'classWeights !== undefined ? of.targetSums'],
    ['taken.alpha === 0 && ', ''],
    [' && isSteadier(taken.curve)', ''],
    ['options.trainsAgain ?? true', 'true'],
    ['again.alpha > 0', 'again.alpha >= 0'],
  ]),
  ...changes('adapt/choice', adapting, [
    ['labelled ? 1 : Math.min', 'Math.min'],
    ['general ? Math.min(here', 'general ? Math.max(here'],
    ["held ? 'held' : 'alone'", "held ? 'alone' : 'held'"],
    ['frames / muchVideo', 'frames / 60'],
    ['alpha * reach', 'alpha'],
    ['i % heldBackEvery === ', 'i % heldBackEvery !== '],
    ['!frames.has(t) && ', ''],
    [' && !frames.has(t + 1)', ''],
    ['(1 - alpha) * value + alpha * target[i]', 'alpha * value + (1 - alpha) * target[i]'],
    ['lostShareOf(regions) - lostShareOf(original.regions)', 'lostShareOf(regions)'],
    ['mostLost = 0.15', 'mostLost = 0.2'],
    ['best.consensus - point.consensus <=', 'point.consensus - best.consensus <='],
    ['lossPerGain * (point.steady - best.steady)', 'lossPerGain'],
    ['lossPerGain * (point.steady - best.steady)', '0'],
    ['Math.max(original.sharesApart + lossPerGain * (steady - original.steady), sharesTolerance)', '1'],
    ['Math.max(original.sharesApart + lossPerGain * (steady - original.steady), sharesTolerance)', 'sharesTolerance'],
    ['steady - original.steady), sharesTolerance)', 'steady - original.steady), 0)'],
    ['original.sharesApart + lossPerGain * (steady - original.steady),', 'original.sharesApart,'],
    ['point.steady > original.steady && ', ''],
    [' && point.kappa > original.kappa', ''],
    ['point.steady > best.steady', 'point.steady < best.steady'],
    ['&& mIoU >= before', '&& mIoU > before'],
    ['before !== undefined ||', 'before === undefined ||'],
  ]),
  ...changes('adapt/estimate', adapting, [
    ['sum - seconds, 60 * minutes', 'sum + seconds, 60 * minutes'],
    ['60 * minutes', 'minutes'],
    ['2 * frames * costs.judgement', 'frames * costs.judgement'],
    ['frames * costs.renewal', '0'],
    ['60 * minutes - spent', '60 * minutes + spent'],
    [' - stages.choice', ''],
    ['Math.max(left, 0), longestTimer', 'Math.max(left, 0), Number.MAX_SAFE_INTEGER'],
    ['second > 0 ?', 'second >= 0 ?'],
  ]),
  ...changes('flow/resize', 'test/flow/resize.test.ts', [
    ['data[i] *= alongX', 'data[i] /= alongX'],
    ['width / flow.width, height / flow.height', 'height / flow.height, width / flow.width'],
  ]),
];

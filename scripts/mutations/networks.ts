// Mistakes in the reading of networks that others made: pixels in, what outputs mean, labels out.
import { changes } from './mutation.js';

const kinds = 'test/segment/foreignKinds.test.ts';
const own = 'test/segment/ownNormalisation.test.ts';
const hubs = 'test/segment/modelHubs.test.ts';

const scores = 'test/segment/scores.test.ts';

export const networks = [
  ...changes('nets/deepLabV3Plus', 'test/nets/deepLabV3Plus.test.ts', [
    ['[6, 12, 18]', '[6, 12, 17]'],
    ['outputStride: 16', 'outputStride: 8'],
    ['concat([fine, enlargedTo(aspp, fine)], 1)', 'concat([enlargedTo(aspp, fine), fine], 1)'],
  ]),
  ...changes('nets/mobilenetV2', 'test/nets/deepLabV3Plus.test.ts', [['dilation *= stride', 'dilation += stride']]),
  ...changes('segment/scores', scores, [['half_pixel: halfPixelAxis', 'half_pixel: alignedAxis']]),
  ...changes('segment/standAlone', kinds, [['threshold / (1 - threshold)', 'threshold / (1 + threshold)']]),
  ...changes('segment/labelMaps', kinds, [['(2 * x + 1) * from.width', '(2 * x - 1) * from.width']]),
  ...changes('segment/nonFinite', kinds, [['a + b + c + d === 0', 'a + b + c === 0']]),
  ...changes('segment/trace', kinds, [['opset >= 13 || along === 3', 'false']]),
  ...changes('segment/trace', kinds, [
    ["op === 'Mul' ? value : 1 / value", "op === 'Mul' ? value : value"],
    ['traced[0].scale * factor', 'traced[0].scale'],
  ]),
  ...changes('segment/networkResult', kinds, [
    ['values[i] /= scale', 'values[i] *= scale'],
    ['lowest < 0', 'lowest <= 0'],
  ]),
  ...changes('segment/ownNormalisation', own, [
    ['(value) => -value', '(value) => value'],
    ['1 / value', 'value'],
    ['zip(zip(whole.offset, change.factor, (a, b) => a * b), change.offset', 'zip(whole.offset, change.offset'],
    ['a / Math.sqrt(v + epsilon)', 'a / (v + epsilon)'],
    ['(b, m) => b - m', '(b, m) => b + m'],
  ]),
  ...changes('segment/pixels', hubs, [['2 - channel : channel', 'channel : channel']]),
  ...changes('segment/preprocessing', hubs, [
    ['shares ? 1 / 255 : 1', 'shares ? 1 / 256 : 1'],
    ['inPixelUnits ? 1 : undefined', 'undefined'],
  ]),
];

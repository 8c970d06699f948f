// Mistakes in the reading of networks that others made: pixels in, what outputs mean, labels out.
import { changes } from './mutation.js';

const kinds = 'test/segment/foreignKinds.test.ts';
const hubs = 'test/segment/modelHubs.test.ts';

export const networks = [
  ...changes('segment/standAlone', kinds, [['threshold / (1 - threshold)', 'threshold / (1 + threshold)']]),
  ...changes('segment/labelMaps', kinds, [['(2 * x + 1) * from.width', '(2 * x - 1) * from.width']]),
  ...changes('segment/nonFinite', kinds, [['a + b + c + d === 0', 'a + b + c === 0']]),
  ...changes('segment/trace', kinds, [['opset >= 13 || along === 3', 'false']]),
  ...changes('segment/pixels', hubs, [['2 - channel : channel', 'channel : channel']]),
  ...changes('segment/preprocessing', hubs, [['shares ? 1 / 255 : 1', 'shares ? 1 / 256 : 1']]),
];

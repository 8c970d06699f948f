// The engine in Node: onnxruntime-node.
import * as ort from 'onnxruntime-node';
import type { Engine } from './engine.js';
import { forbidTelemetry } from './telemetry.js';

// Its messages come back as exceptions; what it logs besides would only disturb the terminal.
ort.env.logLevel = 'fatal';

export const nodeEngine: Engine = {
  defaultDevice: 'cpu',
  devices: () => ort.listSupportedBackends().map((backend) => backend.name),
  async create(model, options) {
    await forbidTelemetry();
    return typeof model === 'string'
      ? ort.InferenceSession.create(model, options)
      : ort.InferenceSession.create(model, options);
  },
  tensor({ dtype, shape, data }) {
    if (dtype === 'float16') {
      // Where JavaScript has half-precision arrays (Node 24), the constructor makes one of the bits, which the native part
      // cannot read. It reads these four properties, whatever the object is.
      return { type: 'float16', dims: shape, data, location: 'cpu' } as unknown as ort.Tensor;
    }
    return new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
  },
};

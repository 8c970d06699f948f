import { expect, it } from 'vitest';
import { type ConvLstmState, convLstmCell } from '#src/nets/convLstm.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { mul, reduceMean, reshape, sub } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { readGolden } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

const golden = 'goldens/losses/multi_frame_gan.safetensors';

describeWithShared('ConvLSTM', [golden], () => {
  it('gives the reference loss between the cells of two networks after three frames', async () => {
    const { tensors } = readGolden(sharedPath(golden));
    const graph = createGraph('convlstm');
    const cells = ['student', 'teacher'].map((network) => {
      let state: ConvLstmState | undefined;
      for (const frame of ['front', 'centre', 'back']) {
        const name = `in.${network}_${frame}`;
        const maps = reshape(input(graph, name, 'float32', tensors[name].shape), [6, 1, 12, 16]);
        state = convLstmCell(maps, 'param.convlstm', 4, state);
      }
      return state?.cell;
    });
    const [student, teacher] = cells;
    if (!student || !teacher) throw new Error('no cells');
    const difference = sub(student, teacher);
    const outputs = { loss: reduceMean(mul(difference, difference)), collapse: reduceMean(sub(1, teacher)) };
    const session = await createSession(writeModel(exportModel(graph, outputs)));
    const results = await session.run(tensors);
    await session.release();
    expect(Number(results.loss.data[0])).toBeCloseTo(tensors['out.0'].data[0], 6);
    expect(Number(results.collapse.data[0])).toBeCloseTo(tensors['out.1'].data[0], 5);
  });
});

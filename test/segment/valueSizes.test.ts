// A small file whose values are gigabytes is refused before the engine sees it; networks in proportion pass.
import { describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, type Value } from '#src/onnx/graph.js';
import type { Model } from '#src/onnx/model.js';
import * as ops from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { loadModel } from '#src/segment/loadModel.js';
import { symmetricByName } from '#src/tensor/random.js';
import { withShapes } from './tinyNetwork.js';

const side = 8;

/** Two convolutions, with something between them that the scores' size does not show. */
function network(between: (features: Value) => Value): Model {
  const graph = createGraph('sizes');
  const image = input(graph, 'image', 'float32', [1, 3, side, side]);
  const weight = (name: string, from: number, to: number) =>
    constant(graph, symmetricByName(name, [to, from, 3, 3], 1));
  const same = { pads: [1, 1, 1, 1] };
  const features = ops.conv(image, weight('first', 3, 4), undefined, same);
  const logits = ops.conv(between(features), weight('second', 4, 5), undefined, same);
  return exportModel(graph, { logits });
}

const padded = (columns: number) =>
  network((features) => {
    const wide = ops.pad(features, [0, 0, 0, columns, 0, 0, 0, columns]);
    return ops.slice(wide, [3], [columns], [columns + side]);
  });

describe('values out of proportion to the picture', () => {
  it.each([
    ['of a fixed size', padded(1 << 22)],
    ['of a free size', withShapes(padded(1 << 22), [1, 3, 'height', 'width'], [1, 5, 'h', 'w'])],
  ])('are refused in a network %s', async (_, model) => {
    await expect(loadModel(writeModel(model))).rejects.toThrow(
      /expected values of at most \d+ elements .* found ".+" of 1×4×/,
    );
  });

  it('others are not', async () => {
    const model = await loadModel(writeModel(padded(1 << 10)));
    const picture = { width: side, height: side, data: new Uint8Array(3 * side * side) };
    expect((await model.segment(picture)).labels.data.length).toBe(side * side);
    await model.release();
  });
});

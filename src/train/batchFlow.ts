// The flow of a batch: as the dataset gives it, or computed on the batch's own pictures by a frozen source.
import { UsageError } from '../base/errors.js';
import type { Batch, NeighbourBatch } from '../data/loader.js';
import { isFlowMethod, openFlowSource } from '../flow/open.js';
import { flowPlanes } from '../flow/planes.js';
import { type FlowSource, flowFrame } from '../flow/source.js';
import type { RgbImage } from '../media/image.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

/** Feeds of the motion loss. */
export interface FlowFeeds {
  /** N×2×H×W, pixels, t→t'. */
  readonly flow: Tensor<'float32'>;
  /** N×1×H×W, 1 where it counts. */
  readonly flowValid: Tensor<'float32'>;
}

export interface BatchFlow {
  /** Whether the loader must read the dataset's own flow. */
  readonly given: boolean;
  of(batch: Batch): Promise<FlowFeeds>;
}

/**
 * What computes the flow that `motion.flow` names: a method (`isFlowMethod`) or a two-image flow network (.onnx); nothing
 * where it is `given` by the dataset. @throws UsageError for anything else.
 */
export async function openMotionFlow(method: string, threads: number | undefined): Promise<FlowSource | undefined> {
  if (method === 'given') return undefined;
  if (!isFlowMethod(method) && !method.toLowerCase().endsWith('.onnx')) {
    throw new UsageError(
      `motion.flow: expected given, farneback, dis (-ultrafast, -fast, -medium) or a network (.onnx), found "${method}"`,
    );
  }
  // Augmented pictures never come twice: a cache on disk would only grow.
  return openFlowSource(method, { threads, cache: false });
}

/** The flow of batches by a source, or as the dataset gives it. */
export function batchFlow(source: FlowSource | undefined): BatchFlow {
  if (!source) return { given: true, of: givenFlow };
  return {
    given: false,
    async of(batch) {
      const neighbour = lastOf(batch);
      const [count, , height, width] = batch.images.shape;
      const flow = zeros('float32', [count, 2, height, width]);
      const flowValid = zeros('float32', [count, 1, height, width]);
      const pixels = height * width;
      await Promise.all(
        Array.from({ length: count }, async (_, n) => {
          if (neighbour.offsets[n] === 0) return;
          const [first, second] = [batch.images, neighbour.images].map((images, frame) =>
            flowFrame(`sample ${n}, frame ${frame}`, async () => imageOf(images, n)),
          );
          const planes = flowPlanes(await source.flow({ first, second }, 'forward'));
          flow.data.set(planes.data, 2 * n * pixels);
          flowValid.data.fill(1, n * pixels, (n + 1) * pixels);
        }),
      );
      return { flow, flowValid };
    },
  };
}

/** The frame that losses on two frames compare with: the only neighbour, or the one after. */
function lastOf({ neighbours }: Batch): NeighbourBatch {
  return neighbours[neighbours.length - 1];
}

async function givenFlow(batch: Batch): Promise<FlowFeeds> {
  const { flow, flowValid } = lastOf(batch);
  if (!flow || !flowValid)
    throw new UsageError("motion.flow: 'given', but the dataset has no flow; use dis, farneback or a network");
  return { flow, flowValid };
}

/** Picture n of a batch, N×3×H×W. */
function imageOf({ shape, data: planes }: Tensor<'uint8'>, n: number): RgbImage {
  const [, , height, width] = shape;
  const pixels = height * width;
  const data = new Uint8Array(3 * pixels);
  for (let channel = 0; channel < 3; channel++) {
    const start = (3 * n + channel) * pixels;
    for (let i = 0; i < pixels; i++) data[3 * i + channel] = planes[start + i];
  }
  return { width, height, data };
}

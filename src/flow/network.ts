// Optical flow by an ONNX network that takes two images: RAFT, PWC-Net, FlowNet, … as exported.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { sha256OfFile } from '../base/files.js';
import type { OpticalFlow, RgbImage } from '../media/image.js';
import { openModelFile } from '../onnx/modelFile.js';
import { createSession, type Session, type ValueDescription } from '../runtime/session.js';
import { formatShape, type Tensor, tensor } from '../tensor/tensor.js';
import { resizeInterleaved } from './resize.js';
import { type FlowSource, orderedFrames } from './source.js';

/** What colour values 0..255 become before the network sees them. */
export const valueRanges = {
  '0..255': { scale: 1, offset: 0 },
  '0..1': { scale: 1 / 255, offset: 0 },
  '-1..1': { scale: 2 / 255, offset: -1 },
} as const;

/** Which numbers a flow network takes for colours: 0..255, 0..1 or -1..1. */
export type ValueRange = keyof typeof valueRanges;

/** How a flow network is fed and run. */
export interface NetworkFlowOptions {
  /** Range of the colour values that the network expects. Default `0..255`. */
  readonly valueRange?: ValueRange | undefined;
  /** Order of the colour channels. Default `rgb`. */
  readonly channelOrder?: 'rgb' | 'bgr' | undefined;
  /** Where the model leaves its input size open, frames are enlarged to multiples of this, in pixels. Default 64, which all common networks take. */
  readonly sizeMultiple?: number | undefined;
  /** Device and threads as for any session. */
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
}

/**
 * Flow by a network with either two inputs `[1,3,h,w]` (first frame, second frame) or one `[1,6,h,w]` (stacked in that
 * order), and an output `[1,2,h',w']` in pixels of its input. Of several such outputs the largest counts, of equal ones
 * the last. Frames are resized to what the model takes, bilinearly; flow is resized back and its vectors are scaled
 * with the size.
 * @throws SteadysegError when the model has other inputs or outputs.
 */
export async function networkFlow(path: string, options: NetworkFlowOptions = {}): Promise<FlowSource> {
  const { valueRange = '0..255', channelOrder = 'rgb', sizeMultiple = 64, device, threads } = options;
  if (!Number.isInteger(sizeMultiple) || sizeMultiple < 1) {
    throw new SteadysegError(`flow network: expected a sizeMultiple of at least 1 but received ${sizeMultiple}`);
  }
  const { content } = await openModelFile(path);
  const session = await createSession(content, { device, threads, source: path });
  let inputs: readonly ValueDescription[];
  try {
    inputs = imageInputs(session, path);
  } catch (thrown) {
    await session.release();
    throw thrown;
  }
  const [, , fixedHeight, fixedWidth] = inputs[0].shape;
  const sizeFor = (extent: number, fixed: number | string) =>
    typeof fixed === 'number' ? fixed : Math.ceil(extent / sizeMultiple) * sizeMultiple;
  const sha256 =
    typeof content === 'string' ? await sha256OfFile(content) : createHash('sha256').update(content).digest('hex');
  const digest = sha256.slice(0, 16);
  const multiple = typeof fixedHeight === 'string' || typeof fixedWidth === 'string' ? ` multiple=${sizeMultiple}` : '';
  return {
    name: `onnx ${basename(path)} sha256=${digest} range=${valueRange} ${channelOrder}${multiple}`,
    concurrency: 1,
    async flow(pair, direction): Promise<OpticalFlow> {
      const frames = orderedFrames(pair, direction);
      const [from, to] = await Promise.all(frames.map((frame) => frame.image()));
      const { width, height } = from;
      if (to.width !== width || to.height !== height) {
        throw new SteadysegError(
          `flow ${frames[0].stem} → ${frames[1].stem}: expected frames of one size, found ${width}×${height} and ${to.width}×${to.height}`,
        );
      }
      const networkWidth = sizeFor(width, fixedWidth);
      const networkHeight = sizeFor(height, fixedHeight);
      const plane = networkWidth * networkHeight;
      const stacked = new Float32Array(plane * 6);
      for (const [k, image] of [from, to].entries()) {
        const target = stacked.subarray(k * plane * 3, (k + 1) * plane * 3);
        fillPlanes(target, image, networkWidth, networkHeight, valueRange, channelOrder);
      }
      const shape = (channels: number) => [1, channels, networkHeight, networkWidth];
      const feeds: Record<string, Tensor> =
        inputs.length === 1
          ? { [inputs[0].name]: tensor('float32', shape(6), stacked) }
          : {
              [inputs[0].name]: tensor('float32', shape(3), stacked.subarray(0, plane * 3)),
              [inputs[1].name]: tensor('float32', shape(3), stacked.subarray(plane * 3)),
            };
      const planes = pickFlow(await session.run(feeds), path);
      return toFrameSize(planes, networkWidth, networkHeight, width, height);
    },
    async check() {},
    close: () => session.release(),
  };
}

/** The one or two image inputs. */
function imageInputs(session: Session, path: string): readonly ValueDescription[] {
  const { inputs } = session;
  const channels = inputs.length === 1 ? 6 : 3;
  const fits = (input: ValueDescription) =>
    input.dtype === 'float32' &&
    input.shape.length === 4 &&
    (input.shape[0] === 1 || typeof input.shape[0] === 'string') &&
    (input.shape[1] === channels || typeof input.shape[1] === 'string');
  if (inputs.length < 1 || inputs.length > 2 || !inputs.every(fits)) {
    const found = inputs.map(
      ({ name, dtype, shape }) => `${name}: ${dtype} ${formatShape(shape.map((d) => d || '?'))}`,
    );
    throw new SteadysegError(
      `${path}: expected a flow network with two inputs float32 1×3×h×w or one 1×6×h×w, found ${found.join(', ') || 'none'}`,
    );
  }
  return inputs;
}

/** Writes an image as planes of network size, in the network's value range and channel order. */
function fillPlanes(
  target: Float32Array,
  image: RgbImage,
  width: number,
  height: number,
  valueRange: ValueRange,
  channelOrder: 'rgb' | 'bgr',
): void {
  const { scale, offset } = valueRanges[valueRange];
  const fits = image.width === width && image.height === height;
  const samples = fits ? image.data : resizeInterleaved(image.data, image.width, image.height, 3, width, height);
  const plane = width * height;
  for (let channel = 0; channel < 3; channel++) {
    const from = channelOrder === 'rgb' ? channel : 2 - channel;
    for (let pixel = 0; pixel < plane; pixel++) {
      target[channel * plane + pixel] = samples[pixel * 3 + from] * scale + offset;
    }
  }
}

/** The output that is flow. */
function pickFlow(outputs: Readonly<Record<string, Tensor>>, path: string): Tensor<'float32'> {
  let best: Tensor<'float32'> | undefined;
  for (const output of Object.values(outputs)) {
    const isFlow =
      output.dtype === 'float32' && output.shape.length === 4 && output.shape[0] === 1 && output.shape[1] === 2;
    if (isFlow && output.data.length >= (best?.data.length ?? 1)) best = output as Tensor<'float32'>;
  }
  if (!best) {
    const found = Object.entries(outputs).map(([name, { dtype, shape }]) => `${name}: ${dtype} ${formatShape(shape)}`);
    throw new SteadysegError(`${path}: expected an output float32 1×2×h×w, found ${found.join(', ')}`);
  }
  return best;
}

/** Planes of u and v, in pixels of the network's input, as interleaved flow in pixels of the frame. */
function toFrameSize(
  planes: Tensor<'float32'>,
  networkWidth: number,
  networkHeight: number,
  width: number,
  height: number,
): OpticalFlow {
  const [, , rows, columns] = planes.shape;
  const plane = rows * columns;
  const scaleU = width / networkWidth;
  const scaleV = height / networkHeight;
  const interleaved = new Float32Array(plane * 2);
  for (let pixel = 0; pixel < plane; pixel++) {
    interleaved[pixel * 2] = planes.data[pixel] * scaleU;
    interleaved[pixel * 2 + 1] = planes.data[plane + pixel] * scaleV;
  }
  const fits = rows === height && columns === width;
  return { width, height, data: fits ? interleaved : resizeInterleaved(interleaved, columns, rows, 2, width, height) };
}

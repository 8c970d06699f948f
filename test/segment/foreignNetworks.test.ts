// Real networks that others trained and exported: labels are those of the engine alone on input that is prepared here.
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { readClassesFile } from '#src/media/classesFile.js';
import type { RgbImage } from '#src/media/image.js';
import { createSession } from '#src/runtime/session.js';
import { loadModel } from '#src/segment/loadModel.js';
import type { LoadOptions } from '#src/segment/model.js';
import { float16ToFloat32, float32ToFloat16 } from '#src/tensor/half.js';
import type { Tensor } from '#src/tensor/tensor.js';
import { describeWithShared, sharedPath } from '../shared.js';

interface Case {
  readonly file: string;
  readonly classes?: string;
  readonly input: string;
  readonly output: string;
  readonly size: readonly [height: number, width: number];
  /** Of the input's channels, in their order. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly order?: 'bgr';
  /** What the library is told; mean and std are those above, of red, green and blue. */
  readonly options?: LoadOptions;
}

const middle = { mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] } as const;
const imageNet = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] } as const;
const twin = {
  file: 'twinlitenet_bdd100k_360x640',
  input: 'images',
  size: [360, 640],
  mean: [0, 0, 0],
  std: [255, 255, 255],
} as const;
const cases: readonly Case[] = [
  { file: 'deeplab_edgetpu_slim_cityscapes_513', input: 'input', output: 'scores', size: [513, 513], ...middle },
  { file: 'deeplabv3_mnv2_voc_513_fp16', input: 'image', output: 'ResizeBilinear_3', size: [513, 513], ...middle },
  { file: 'deeplabv3_mnv2_dm05_voc_257', input: 'sub_7', output: 'ResizeBilinear_3', size: [257, 257], ...middle },
  {
    file: 'espnet_p2q8_cityscapes_free',
    input: 'input',
    output: 'output',
    size: [256, 512],
    mean: [72.3923111, 82.90893555, 73.15840149],
    std: [11556.4, 11768.99, 11453.3],
    order: 'bgr',
  },
  { file: 'espnetv2_s1_cityscapes_512x1024', input: 'image', output: 'score', size: [512, 1024], ...imageNet },
  { ...twin, output: 'da', options: { output: 'da' } },
  { ...twin, classes: 'twinlitenet_bdd100k_360x640.lanes', output: 'll', options: { output: 'll' } },
  {
    file: 'sinet_portrait_320',
    input: 'data',
    output: 'classifier/1',
    size: [320, 320],
    mean: [102.890434, 111.25247, 126.91212],
    std: [16047.89, 16019.45, 16920.7],
    order: 'bgr',
  },
];

async function street(height: number, width: number): Promise<RgbImage> {
  const data = await sharp(sharedPath('cases', 'softmax_output', 'street.png'))
    .removeAlpha()
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
  return { width, height, data: new Uint8Array(data) };
}

/** The highest score of each pixel, from the engine alone. */
async function labelsOfEngine(one: Case, image: RgbImage): Promise<Uint8Array> {
  const [height, width] = one.size;
  const plane = height * width;
  const planes = new Float32Array(3 * plane);
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 0; c < 3; c++) {
      const value = image.data[pixel * 3 + (one.order === 'bgr' ? 2 - c : c)];
      planes[c * plane + pixel] = (value - one.mean[c]) / one.std[c];
    }
  }
  const session = await createSession(sharedPath('models', 'foreign', `${one.file}.onnx`));
  const shape = [1, 3, height, width];
  const feed: Tensor =
    session.inputs[0].dtype === 'float16'
      ? { dtype: 'float16', shape, data: float32ToFloat16(planes) }
      : { dtype: 'float32', shape, data: planes };
  const { [one.output]: scores } = await session.run({ [one.input]: feed });
  await session.release();
  const values =
    scores.dtype === 'float16' ? float16ToFloat32(scores.data as Uint16Array) : (scores.data as Float32Array);
  const labels = new Uint8Array(plane);
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 1; c < scores.shape[1]; c++) {
      if (values[c * plane + pixel] > values[labels[pixel] * plane + pixel]) labels[pixel] = c;
    }
  }
  return labels;
}

const reversed = ([a, b, c]: readonly [number, number, number]) => [c, b, a] as const;

describeWithShared(
  'networks of others',
  cases.map(({ file }) => `models/foreign/${file}.onnx`),
  () => {
    it.each(cases)('$file, $output: at least 9,999 of 10,000 pixels as the engine has them', async (one) => {
      const [height, width] = one.size;
      const image = await street(height, width);
      const bgr = one.order === 'bgr';
      const model = await loadModel(sharedPath('models', 'foreign', `${one.file}.onnx`), {
        classes: await readClassesFile(sharedPath('models', 'foreign', `${one.classes ?? one.file}.classes.yaml`)),
        mean: bgr ? reversed(one.mean) : one.mean,
        std: bgr ? reversed(one.std) : one.std,
        channelOrder: one.order,
        size: { height, width },
        ...one.options,
      });
      const { labels } = await model.segment(image);
      await model.release();
      const expected = await labelsOfEngine(one, image);
      const agreeing = labels.data.reduce((sum, label, pixel) => sum + (label === expected[pixel] ? 1 : 0), 0);
      expect(agreeing / expected.length).toBeGreaterThanOrEqual(0.9999);
      expect(new Set(expected).size).toBeGreaterThan(1);
      expect(model.description.notes).toEqual([]);
    });

    it('a network of two outputs that may both be meant lists them', async () => {
      const path = sharedPath('models', 'foreign', 'twinlitenet_bdd100k_360x640.onnx');
      await expect(loadModel(path)).rejects.toThrow(/da 1×2×360×640, ll 1×2×360×640: choose one with --output/);
    });
  },
);

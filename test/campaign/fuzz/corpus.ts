// Sound files of every format, which mutations begin with: made by the library, or small ones of the repository.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { evaluateMeanIoU } from '#src/data/evaluation/meanIoU.js';
import { evaluateTemporalConsistency } from '#src/data/evaluation/temporal.js';
import { evaluateVideoConsistency } from '#src/data/evaluation/video.js';
import { folderFlow } from '#src/flow/folder.js';
import { presetClasses } from '#src/media/classes.js';
import { writeFlo } from '#src/media/flo.js';
import { writeKittiFlow } from '#src/media/kitti.js';
import { encodeLabelMap } from '#src/media/labels.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import * as ops from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { loadModel } from '#src/segment/loadModel.js';
import { predict } from '#src/segment/predict.js';
import { pseudoLabel } from '#src/segment/pseudoLabels/pseudoLabel.js';
import { symmetricByName } from '#src/tensor/random.js';
import { writeCheckpoint } from '#src/train/checkpoint.js';
import { brightestChannel, normalised, tinyNetwork } from '../../segment/tinyNetwork.js';
import type { Inputs } from '../inputs.js';
import { checkpointState, type FormatName, formatNames } from './formats.js';

const fixtures = fileURLToPath(new URL('../../../../test/fixtures/', import.meta.url));
const side = 8;

/** Writes the sound files of each format into a folder of its name. */
export async function makeCorpus(folder: string, inputs: Inputs): Promise<void> {
  for (const name of formatNames) mkdirSync(join(folder, name), { recursive: true });
  const put = (format: FormatName, name: string, content: Uint8Array | string) =>
    writeFileSync(join(folder, format, name), content);
  const copy = (format: FormatName, path: string) =>
    copyFileSync(path, join(folder, format, path.split('/').at(-1) ?? path));

  put('onnx', 'fixed.onnx', tinyNetwork({ height: side, width: side, metadata: normalised }));
  put('onnx', 'free.onnx', tinyNetwork({ height: side, width: side, free: true }));
  put('onnx', 'brightest.onnx', brightestChannel(side, side));
  for (const format of ['onnx', 'graph'] as const) put(format, 'deep.onnx', deepNetwork());
  put('graph', 'half.onnx', brightestChannel(side, side, 'float16'));

  for (const name of ['state_dict_zip.pth', 'odd_tensors.pth', 'training.pth'])
    copy('pth', join(fixtures, 'weights', name));
  for (const name of ['state_dict_legacy.pth', 'training_legacy.pth']) copy('legacy', join(fixtures, 'weights', name));
  for (const name of ['expected.safetensors', 'expected_odd_tensors.safetensors'])
    copy('safetensors', join(fixtures, 'weights', name));
  await writeCheckpoint(join(folder, 'checkpoint', 'last.safetensors'), checkpointState(), { step: 2, mIoU: 0.5 });

  await makePictures(folder, put);
  const flow = { width: side, height: side, data: Float32Array.from({ length: 2 * side * side }, (_, k) => k / 8 - 4) };
  await writeFlo(join(folder, 'flo', 'flow.flo'), flow);
  await writeKittiFlow(join(folder, 'kitti', 'flow.png'), flow);
  for (const name of readdirSync(join(fixtures, 'video'))) {
    if (!name.endsWith('.md')) copy(/\.(mp4|mov)$/.test(name) ? 'mp4' : 'video', join(fixtures, 'video', name));
  }

  // The same bytes wherever the inputs lie.
  const configuration = readFileSync(inputs.config, 'utf8').replace(inputs.trainable, 'network.onnx');
  put(
    'yaml',
    'train.yaml',
    configuration.replace('data: { layout: toycity }', 'data: { layout: toycity, root: $TOY }'),
  );
  put('yaml', 'blocks.yaml', blocks);
  copy('yaml', inputs.classes);
  put(
    'classes',
    'classes.json',
    '{"name":"made","classes":["road","wall"],"palette":[[0,0,0],[128,0,0]],"ignoreLabel":255}',
  );
  put('classes', 'config.json', '{"data":{"layout":"toycity","root":"toy"},"steps":3,"losses":{"motion":0.1}}');
  put('hub', 'config.json', '{"id2label":{"0":"wall","1":"building","2":"sky"},"label2id":{"wall":0}}');
  put(
    'hub',
    'preprocessor_config.json',
    '{"do_normalize":true,"do_rescale":true,"do_resize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"image_processor_type":"SegformerImageProcessor","rescale_factor":0.00392156862745098,"size":{"height":64,"width":64}}',
  );
  await makeResults(put, inputs);
  await makeRecords(folder, put, copy, inputs);
  put('list', 'list.txt', 'a.png\tb.png\nfolder/c d.png e.png\n\nf.png\n');
  put('lock', 'lock', '{"id":"0123456789abcdef","host":"here","place":"01234567","process":1234,"start":"5678"}\n');
}

/** A small network with what segmentation networks are made of. */
function deepNetwork(): Uint8Array {
  const graph = createGraph('deep');
  const image = input(graph, 'image', 'float32', [1, 3, side, side]);
  const layer = (value: Parameters<typeof ops.relu>[0], name: string, from: number, to: number) => {
    const weight = constant(graph, symmetricByName(name, [to, from, 3, 3], 1));
    return ops.relu(ops.conv(value, weight, undefined, { pads: [1, 1, 1, 1], strides: [1, 1] }));
  };
  const first = layer(image, 'first', 3, 4);
  const pooled = ops.maxPool(first, { kernel: [2, 2], strides: [2, 2] });
  const second = layer(pooled, 'second', 4, 4);
  const larger = ops.resize(second, [1, 4, side, side], 'linear', 'half_pixel');
  const logits = layer(ops.concat([first, larger], 1), 'third', 8, 5);
  return writeModel(exportModel(graph, { logits: ops.softmax(logits, 1) }, { metadata: normalised }));
}

type Put = (format: FormatName, name: string, content: Uint8Array | string) => void;

async function makePictures(folder: string, put: Put): Promise<void> {
  const data = Uint8Array.from({ length: 3 * side * side }, (_, at) => at * 7);
  const picture = sharp(data, { raw: { width: side, height: side, channels: 3 } });
  const labels = { width: side, height: side, data: Uint8Array.from({ length: side * side }, (_, at) => at % 5) };
  put('png', 'frame.png', await picture.clone().png().toBuffer());
  put('png', 'interlaced.png', await picture.clone().png({ progressive: true }).toBuffer());
  put('png', 'palette.png', await picture.clone().png({ palette: true }).toBuffer());
  put('png', 'labels.png', await encodeLabelMap(labels));
  put('picture', 'a.jpg', await picture.clone().jpeg().toBuffer());
  put(
    'picture',
    'progressive.jpg',
    await picture
      .clone()
      .jpeg({ progressive: true })
      .withExif({ IFD0: { Copyright: 'x' } })
      .toBuffer(),
  );
  put('picture', 'a.webp', await picture.clone().webp({ lossless: true }).toBuffer());
  put('picture', 'a.tiff', await picture.clone().tiff().toBuffer());
  put('picture', 'tiled.tiff', await picture.clone().tiff({ tile: true, compression: 'lzw' }).toBuffer());
  put('picture', 'a.avif', await picture.clone().avif().toBuffer());
  put('picture', 'a.bmp', bitmap(data));
  void folder;
}

/** A BMP of 24 bits; rows are a multiple of four bytes long. */
function bitmap(data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(54);
  head.write('BM', 0, 'latin1');
  head.writeUInt32LE(head.length + data.length, 2);
  head.writeUInt32LE(head.length, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(side, 18);
  head.writeInt32LE(side, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  head.writeUInt32LE(data.length, 34);
  return Buffer.concat([head, data]);
}

async function makeResults(put: Put, { frames, labels, predictions, flow }: Inputs): Promise<void> {
  const common = { pred: predictions, classSet: presetClasses('toycity'), threads: 1 };
  const temporal = { ...common, frames, flow: await folderFlow(flow), gt: labels };
  put('result', 'miou.json', JSON.stringify(await evaluateMeanIoU({ ...common, gt: labels })));
  put('result', 'vc.json', JSON.stringify(await evaluateVideoConsistency({ ...common, gt: labels, window: 2 })));
  put('result', 'tc.json', JSON.stringify((await evaluateTemporalConsistency(temporal)).result));
}

async function makeRecords(
  folder: string,
  put: Put,
  copy: (format: FormatName, path: string) => void,
  { video, network }: Inputs,
): Promise<void> {
  const model = await loadModel(network, { threads: 1, classes: presetClasses('cityscapes') });
  const out = join(folder, 'runs');
  await predict(video, model, join(out, 'predict'), { limit: 3 });
  await pseudoLabel(video, model, join(out, 'pseudo'), { limit: 3 });
  await model.release();
  copy('record', join(out, 'predict', 'predict.json'));
  copy('pseudo', join(out, 'pseudo', 'frames.jsonl'));
  put(
    'pseudo',
    'report.jsonl',
    JSON.stringify(JSON.parse(readFileSync(join(out, 'pseudo', 'pseudo-label.json'), 'utf8'))),
  );
  put(
    'pseudo',
    'metrics.jsonl',
    [
      '{"step":1,"time":1,"losses":{"loss":1.5},"rate":0.01,"milliseconds":5,"waited":0}',
      '{"step":1,"time":2,"validation":{"mIoU":0.5,"iou":[0.5,null],"frames":2,"pairs":1},"confusion":[[1,2],[3,4]]}\n',
    ].join('\n'),
  );
}

const blocks = `# As people write it
network:
  architecture: pspnet18
  widthMultiplier: 0.5
data:
  layout: camvid
  root: camvid
crop: [128, 256]
batch: 4
steps: 600
augmentation: &usual
  scale: [0.75, 1.5]
  rotation: 5
optimizer:
  rate: 0.05
losses:
  motion: 0.1
validation: { every: 200 }
`;

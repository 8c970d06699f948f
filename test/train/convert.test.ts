// What a run leaves becomes a model without a word about its network: by the configuration beside the weights.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import { readDescription } from '#src/onnx/metadata.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import { batchNormalization, conv } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32 } from '#src/tensor/tensor.js';
import { writeToyCity } from '#src/toycity/write.js';
import { parseConfig } from '#src/train/config.js';
import { convert } from '#src/train/convert.js';
import { runFiles } from '#src/train/runFolder.js';
import { train } from '#src/train/trainer.js';
import { readSafetensors } from '#src/weights/safetensors.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg convert '));
const at = (...names: string[]) => join(folder, ...names);
const [data, foreign] = [at('toy'), at('foreign.onnx')];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const own = { architecture: 'pspnet18', widthMultiplier: 0.0625 };
const other = { model: foreign, mean: [100, 100, 100], std: [60, 60, 60] };

async function run(name: string, changes: object) {
  const shared = { data: { layout: 'toycity', root: data }, crop: [32, 48], batch: 2, steps: 3 };
  const validation = { every: 1, limit: 2 };
  const config = parseConfig({ ...shared, validation, ...changes }, 'test.yaml');
  await train({ config, out: at(name) });
  return runFiles(at(name));
}

let files: Record<'own' | 'averaged' | 'other', ReturnType<typeof runFiles>>;

beforeAll(async () => {
  await writeToyCity({ out: data, clips: 2, valClips: 1, frames: 3, height: 48, width: 64, seed: 3 });
  const graph = createGraph('someone else');
  const of = (name: string, shape: number[]) => constant(graph, symmetricByName(name, shape, 0.3), name);
  const four = (name: string, value: number) => constant(graph, float32([4], Array(4).fill(value)), name);
  const first = conv(input(graph, 'pixels', 'float32', [1, 3, 32, 48]), of('first', [4, 3, 1, 1]));
  const normal = batchNormalization(first, four('g', 1), four('b', 0), four('m', 0), four('v', 1));
  writeFileSync(foreign, writeModel(exportModel(graph, { scores: conv(normal, of('last', [19, 4, 1, 1])) })));
  files = {
    own: await run('own', { network: own, losses: { multiFrame: 0 } }),
    averaged: await run('averaged', { network: own, optimizer: { averaging: 0.5 } }),
    other: await run('other', { network: other, optimizer: { averaging: 0.5 }, statistics: 'batch' }),
  };
}, 120_000);

describe('converting what a run leaves', { timeout: 120_000 }, () => {
  it.each(['own', 'averaged', 'other'] as const)('gives the models of the run %s, byte for byte', async (name) => {
    const { last, lastModel, best, bestModel, model, config } = files[name];
    const made = at(`${name}.onnx`);
    const { run: found, format } = await convert(last, made);
    expect([format, found]).toEqual(['onnx', { weights: last, config, step: 3 }]);
    expect(readFileSync(made).equals(readFileSync(lastModel))).toBe(true);
    expect(readFileSync(made).equals(readFileSync(model))).toBe(true);
    await convert(best, made);
    expect(readFileSync(made).equals(readFileSync(bestModel))).toBe(true);
    await convert(at(name), made);
    expect(readFileSync(made).equals(readFileSync(bestModel))).toBe(true);
  });

  it('takes the options of models', async () => {
    const size = { height: 64, width: 96 };
    await convert(at('own'), at('large.onnx'), { size, storage: 'float16', keepAuxiliary: false });
    const { graph, metadata } = await readModelFile(at('large.onnx'));
    expect(graph.inputs[0].type?.shape).toEqual([1, 3, 64, 96]);
    expect([...graph.initializers.keys()].filter((name) => name.startsWith('aux.'))).toEqual([]);
    expect([...graph.initializers.values()].some(({ dtype }) => dtype === 'float16')).toBe(true);
    const { classes, training } = readDescription(metadata, 'large.onnx');
    expect(classes).toHaveLength(19);
    expect(training).toMatchObject({ steps: expect.any(Number), validation: { frames: 2 } });
    await convert(at('own'), at('named.onnx'), {
      description: { classes: Array.from({ length: 19 }, (_, k) => `c${k}`) },
    });
    expect(readDescription((await readModelFile(at('named.onnx'))).metadata, '').classes?.[0]).toBe('c0');
  });

  it('gives the weights by themselves, without what training remembers', async () => {
    await convert(files.averaged.last, at('weights.safetensors'));
    const { tensors } = await readSafetensors(at('weights.safetensors'));
    const { tensors: checkpoint } = await readSafetensors(files.averaged.last);
    expect([...tensors.keys()].filter((name) => /^(parameter|velocity|averaged)\./.test(name))).toEqual([]);
    expect(tensors.get('cls.4.weight')?.data).toEqual(checkpoint.get('averaged.cls.4.weight')?.data);
    expect(tensors.get('cls.4.weight')?.shape).toEqual(checkpoint.get('parameter.cls.4.weight')?.shape);
  });

  it('takes checkpoints that were moved, and plain weights, by the configuration that lies beside them', async () => {
    mkdirSync(at('moved'));
    copyFileSync(files.own.last, at('moved', 'network.safetensors'));
    await expect(convert(at('moved', 'network.safetensors'), at('moved.onnx'))).rejects.toThrow(
      /network\.safetensors: expected the configuration of its run beside it \(config\.json, config\.yaml/,
    );
    const yaml = `network: { architecture: pspnet18, widthMultiplier: 0.0625 }\ndata: { layout: toycity, root: gone }\ncrop: [32, 48]\nbatch: 2\nsteps: 3\n`;
    writeFileSync(at('moved', 'config.yaml'), yaml);
    await convert(at('moved', 'network.safetensors'), at('moved.onnx'));
    await convert(at('moved', 'network.safetensors'), at('moved', 'plain.pth'));
    const { run: found } = await convert(at('moved', 'plain.pth'), at('plain.onnx'));
    expect(found).toEqual({ weights: at('moved', 'plain.pth'), config: at('moved', 'config.yaml'), step: null });
    const [whole, moved, plain] = await Promise.all(
      [files.own.lastModel, at('moved.onnx'), at('plain.onnx')].map(async (path) => (await readModelFile(path)).graph),
    );
    for (const graph of [moved, plain]) {
      expect(graph.inputs).toEqual(whole.inputs);
      expect(graph.initializers).toEqual(whole.initializers);
    }
    // Another program's configuration says nothing of the network.
    renameSync(at('moved', 'config.yaml'), at('kept.yaml'));
    writeFileSync(at('moved', 'config.json'), '{"model_type": "segformer", "num_labels": 19}');
    await expect(convert(at('moved', 'plain.pth'), at('x.onnx'))).rejects.toThrow('expected the name of the network');
  });

  it('refuses what does not go together', async () => {
    const refused = (from: string, to: string, options?: Parameters<typeof convert>[2]) =>
      expect(convert(from, to, options)).rejects;
    const { best, last } = files.own;
    await refused(best, at('x.onnx'), { architecture: 'pspnet18' }).toThrow(/config\.json says: an architecture/);
    await refused(best, at('x.onnx'), { classCount: 3 }).toThrow('expected weights for 3 classes, found 19');
    await refused(best, last).toThrow(/it would replace a file in/);
    await refused(at('other'), at('x.onnx'), { size: { height: 32, width: 32 } }).toThrow(
      /that names the architecture/,
    );
    mkdirSync(dirname(runFiles(at('young')).last), { recursive: true });
    await refused(at('young'), at('x.onnx')).toThrow('young: expected a run with a checkpoint, found none yet');
    // The network of a program is not in its configuration.
    copyFileSync(files.other.last, at('moved', 'other.safetensors'));
    rmSync(at('moved', 'config.json'));
    copyFileSync(at('kept.yaml'), at('moved', 'config.yaml'));
    await refused(at('moved', 'other.safetensors'), at('x.onnx')).toThrow(/the weights do not fit the network/);
  });
});

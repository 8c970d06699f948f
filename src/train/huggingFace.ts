// Weights as Hugging Face keeps them: a file beside a `config.json` that names the network, and a `preprocessor_config.json`.
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import { SteadysegError } from '../base/errors.js';
import { exists, isFolder } from '../base/files.js';
import type { ModelDescription } from '../onnx/metadata.js';
import { readClassNames } from '../segment/modelConfig.js';
import { describePreprocessing } from '../segment/preprocessing.js';
import { readConfigFile, readPreprocessorConfig } from '../segment/preprocessorConfig.js';

/** What lies beside published weights. */
export interface PublishedModel {
  /** The file of the weights. */
  readonly weights: string;
  /** Classes and normalisation. */
  readonly description: ModelDescription;
  /** What pictures are resized to. */
  readonly size?: { readonly height: number; readonly width: number } | undefined;
  readonly notes: readonly string[];
}

const weightFiles = ['model.safetensors', 'pytorch_model.bin'] as const;

/** What SegFormer is here; a configuration may say otherwise. */
const segFormer = {
  sr_ratios: [8, 4, 2, 1],
  num_attention_heads: [1, 2, 5, 8],
  patch_sizes: [7, 3, 3, 3],
  strides: [4, 2, 2, 2],
  mlp_ratios: [4, 4, 4, 4],
  hidden_act: 'gelu',
  reshape_last_stage: true,
} as const;

const configSchema = v.looseObject({ model_type: v.optional(v.string()) });

/**
 * Finds what Hugging Face keeps of a network in a folder, or beside a file of weights; undefined where there is no
 * configuration of theirs.
 * @throws SteadysegError for a network that is not computed here, or a folder without weights.
 */
export async function findPublished(input: string): Promise<PublishedModel | undefined> {
  const inFolder = await isFolder(input);
  const folder = inFolder ? input : dirname(input);
  const configPath = join(folder, 'config.json');
  if (!(await exists(configPath))) return undefined;
  const config = await readConfigFile(configPath, configSchema);
  if (config.model_type === undefined) return undefined;
  checkNetwork(config, configPath);
  const weights = inFolder ? await weightsIn(folder) : input;
  const classes = await readClassNames(configPath);
  const notes = [`network and classes are as ${configPath} says`];
  if (!classes) notes[0] = `${configPath} does not name the classes`;
  const preprocessorPath = join(folder, 'preprocessor_config.json');
  if (!(await exists(preprocessorPath))) {
    notes.push(`${folder} has no preprocessor_config.json: pixels are normalised by ImageNet's mean and deviation`);
    return { weights, description: { ...(classes && { classes: [...classes] }) }, notes };
  }
  const found = await readPreprocessorConfig(preprocessorPath);
  return {
    weights,
    description: {
      ...(classes && { classes: [...classes] }),
      ...describePreprocessing(found.preprocessing),
    },
    size: found.size,
    notes: [...notes, ...(found.notes ?? [])],
  };
}

/** @throws SteadysegError naming what is another network than SegFormer, or another kind of it. */
function checkNetwork(config: Readonly<Record<string, unknown>>, path: string): void {
  if (config.model_type !== 'segformer') {
    throw new SteadysegError(
      `${path}: expected a network of the type segformer, found ${JSON.stringify(config.model_type)}: export it to .onnx with its own tools, which predict takes as it is`,
    );
  }
  for (const [key, expected] of Object.entries(segFormer)) {
    const found = config[key];
    if (found === undefined || found === null || JSON.stringify(found) === JSON.stringify(expected)) continue;
    throw new SteadysegError(
      `${path}: ${key}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}: export this network to .onnx with its own tools`,
    );
  }
}

async function weightsIn(folder: string): Promise<string> {
  for (const name of weightFiles) if (await exists(join(folder, name))) return join(folder, name);
  throw new SteadysegError(
    `${basename(folder)}: expected ${weightFiles.join(' or ')} in the folder ${folder}, found neither`,
  );
}

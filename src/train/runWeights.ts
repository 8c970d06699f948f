// Trained weights with the configuration of their run: of a run folder, a checkpoint, or a weights file with a configuration beside it.
import { dirname, join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { exists, isFolder, MAX_CONFIG_BYTES, readFileBounded } from '../base/files.js';
import type { Tensor } from '../tensor/tensor.js';
import { readStateDict, type WeightsOptions } from '../weights/openWeights.js';
import { readCheckpointWeights } from './checkpoint.js';
import { readConfig, type TrainingConfig } from './config.js';
import { runFiles } from './runFolder.js';

/** Weights, and what they were trained by. */
export interface RunWeights {
  readonly source: string;
  readonly configPath: string;
  readonly config: TrainingConfig;
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Steps done, of a checkpoint. */
  readonly step?: number | undefined;
  /** The run folder, of a checkpoint that lies in one. */
  readonly folder?: string | undefined;
}

/** Names of a configuration that lies beside weights: a run's own, or the file that it was begun with. */
const configNames = ['config.json', 'config.yaml', 'config.yml'];

/**
 * The weights and configuration of a run folder (its best checkpoint, else its last) or of a checkpoint; undefined for other
 * inputs.
 * @throws SteadysegError when a run has no checkpoint yet, or a checkpoint no configuration beside it.
 */
export async function findCheckpoint(input: string, options: WeightsOptions): Promise<RunWeights | undefined> {
  if (await isFolder(input)) {
    const { config, best, last } = runFiles(input);
    if (!(await exists(dirname(last)))) return undefined;
    for (const path of [best, last]) {
      const found = (await exists(path)) ? await readCheckpointWeights(path) : undefined;
      if (found) return { source: path, configPath: config, config: await readConfig(config), ...found, folder: input };
    }
    throw new SteadysegError(`${input}: expected a run with a checkpoint, found none yet`);
  }
  const found = await readCheckpointWeights(input, options);
  if (!found) return undefined;
  const run = dirname(dirname(input));
  const inRun = dirname(runFiles(run).last) === dirname(input) && (await exists(runFiles(run).config));
  const configPath = inRun ? runFiles(run).config : await configBeside(input);
  if (configPath === undefined) {
    throw new SteadysegError(
      `${input}: expected the configuration of its run beside it (${configNames.join(', ')}), found none: put it there, or convert the run's best.onnx`,
    );
  }
  const config = await readConfig(configPath);
  return { source: input, configPath, config, ...found, folder: inRun ? run : undefined };
}

/** Weights of a file that is no checkpoint, where the configuration of a training lies beside it. */
export async function findWeightsBesideConfig(input: string, options: WeightsOptions): Promise<RunWeights | undefined> {
  const configPath = await configBeside(input);
  if (configPath === undefined) return undefined;
  const { tensors } = await readStateDict(input, options);
  return { source: input, configPath, config: await readConfig(configPath), weights: tensors };
}

/** The configuration of a training in the folder of a file; other programs give their files these names, too. */
async function configBeside(input: string): Promise<string | undefined> {
  for (const name of configNames) {
    const path = join(dirname(input), name);
    if (!(await exists(path))) continue;
    const text = new TextDecoder().decode(await readFileBounded(path, MAX_CONFIG_BYTES));
    if (['data', 'layout'].every((key) => new RegExp(`\\b${key}"?\\s*:`).test(text))) return path;
  }
  return undefined;
}

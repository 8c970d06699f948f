// Finds in Node what is known of a network: its file, and the files of Hugging Face beside it.
import { basename, dirname, join, resolve } from 'node:path';
import { exists } from '../base/files.js';
import { descriptionKey, type ModelDescription, plainNamesOf, readDescription } from '../onnx/metadata.js';
import { type OpenedModel, openModelFile } from '../onnx/modelFile.js';
import { readModel } from '../onnx/read.js';
import { readClassNames } from './modelConfig.js';
import type { FoundNetwork } from './network.js';
import { describedPreprocessing, type PreprocessingConfig, unsaidPreprocessing } from './preprocessing.js';
import { readPreprocessorConfig } from './preprocessorConfig.js';

/**
 * Reads a network and what its folder says of it: `preprocessor_config.json` and `config.json` beside the file, or one
 * folder up where the file lies in a folder `onnx`, as on model hubs.
 *
 * @param content path of an .onnx file, or its bytes.
 * @throws SteadysegError naming the file, the expected and the found.
 */
export async function findNetwork(content: string | Uint8Array): Promise<FoundNetwork> {
  const path = typeof content === 'string' ? content : undefined;
  const source = path ?? 'the model';
  const opened: OpenedModel =
    typeof content === 'string' ? await openModelFile(content) : { model: readModel(content, source), content };
  const metadata = readDescription(opened.model.metadata, source);
  const beside = await fileBeside(path, 'config.json');
  const names = metadata.classes || beside === undefined ? undefined : await readClassNames(beside);
  const inFile = metadata.classes || names ? undefined : plainNamesOf(opened.model.metadata);
  return {
    source,
    ...opened,
    metadata,
    config: await preprocessingOf(path, source, metadata, opened.model.metadata.has(descriptionKey)),
    ...(names && beside && { labels: { names, origin: beside } }),
    ...(inFile && { labels: { names: inFile, origin: 'its metadata' } }),
  };
}

async function preprocessingOf(
  path: string | undefined,
  source: string,
  metadata: ModelDescription,
  inPixelUnits: boolean,
): Promise<PreprocessingConfig> {
  const described = describedPreprocessing(metadata, source, inPixelUnits);
  if (described) return described;
  const beside = await fileBeside(path, 'preprocessor_config.json');
  return beside === undefined ? unsaidPreprocessing(metadata) : await readPreprocessorConfig(beside);
}

async function fileBeside(path: string | undefined, name: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const folder = dirname(path);
  const folders = basename(resolve(folder)) === 'onnx' ? [folder, dirname(resolve(folder))] : [folder];
  for (const place of folders) if (await exists(join(place, name))) return join(place, name);
  return undefined;
}

// Weights and models from one form into another, those of training runs included, which know their network by their configuration.
import { SteadysegError, UsageError } from '../base/errors.js';
import { isFolder, writeFileWhole } from '../base/files.js';
import { checkNotRead } from '../base/outputFile.js';
import type { ClassSet } from '../media/classes.js';
import {
  type ConvertOptions,
  type ConvertReport,
  convertFile,
  convertModel,
  modelReport,
} from '../nets/convertFile.js';
import { isAuxiliary } from '../nets/networkWeights.js';
import type { ModelDescription } from '../onnx/metadata.js';
import { readModel } from '../onnx/read.js';
import type { Tensor } from '../tensor/tensor.js';
import { loadStateDict } from '../weights/stateDict.js';
import { configuredStudent } from './configuredStudent.js';
import { findPublished } from './huggingFace.js';
import { describeTrained } from './modelDescription.js';
import { readMetrics, runFiles } from './runFolder.js';
import { findCheckpoint, findWeightsBesideConfig, type RunWeights } from './runWeights.js';
import type { Student } from './student.js';
import { configuredClasses } from './trainingData.js';

/** What `convert` read and wrote. */
export interface Conversion extends ConvertReport {
  /** Where the network is known by the configuration of its training: what was read, and the steps done of a checkpoint. */
  readonly run: { readonly weights: string; readonly config: string; readonly step: number | null } | null;
}

/**
 * Converts a `.pth`, `.pth.tar`, `.ckpt`, `.safetensors` or `.onnx` into what the ending of `output` says. From weights to a
 * model, the network's name and size are needed, from a model of this library to another size, only the size is. Of a run
 * folder, a checkpoint of one, or weights with the configuration of their training beside them (`config.json`,
 * `config.yaml`), that tells network, classes, normalisation and size; a run folder stands for its best checkpoint.
 * @throws UsageError for what does not go together; SteadysegError when the files cannot be used or the weights do not fit.
 */
export async function convert(input: string, output: string, options: ConvertOptions = {}): Promise<Conversion> {
  const found = await findRun(input, output, options);
  if (!found) return { ...(await convertPublished(input, output, options)), run: null };
  const { architecture, widthMultiplier } = options;
  if (architecture !== undefined || widthMultiplier !== undefined) {
    throw new UsageError(
      `${input}: its network is what ${found.configPath} says: an architecture and width multiplier are for other weights`,
    );
  }
  await checkNotRead(output, [found.source, found.configPath, found.folder]);
  const report = await convertRun(found, output, options);
  return { ...report, run: { weights: found.source, config: found.configPath, step: found.step ?? null } };
}

/** Weights as they are, with what Hugging Face keeps beside them where it does. */
async function convertPublished(input: string, output: string, options: ConvertOptions): Promise<ConvertReport> {
  const published = /\.onnx$/i.test(input) || !/\.onnx$/i.test(output) ? undefined : await findPublished(input);
  if (!published) return await convertFile(input, output, options);
  const { weights, description, size, notes } = published;
  const report = await convertFile(weights, output, {
    ...options,
    size: options.size ?? size,
    description: { ...description, ...options.description },
  });
  const chosen =
    size && !options.size ? [`size ${size.height}x${size.width} is what preprocessor_config.json resizes to`] : [];
  return { ...report, notes: [...notes, ...chosen, ...report.notes] };
}

async function findRun(input: string, output: string, { key, architecture }: ConvertOptions) {
  if (/\.onnx$/i.test(input)) return undefined;
  const checkpoint = await findCheckpoint(input, { key });
  if (checkpoint) return checkpoint;
  const asksWhich = /\.onnx$/i.test(output) && architecture === undefined && !(await isFolder(input));
  return asksWhich ? await findWeightsBesideConfig(input, { key }) : undefined;
}

async function convertRun(run: RunWeights, output: string, options: ConvertOptions): Promise<ConvertReport> {
  const { config, configPath, source } = run;
  const { size, classCount, ...asked } = options;
  const foreign = config.network.model !== undefined;
  const classes = foreign || asked.description?.classes ? undefined : await configuredClasses(config.data, configPath);
  // The weights are all here: files that the training began with need not be.
  const { weights: _, backbone: _b, ...network } = config.network;
  const names = classes?.classes ?? asked.description?.classes ?? [];
  const student = await configuredStudent({ ...config, network }, foreign ? [] : names);
  if (classCount !== undefined && classCount !== student.classes.count) {
    throw new SteadysegError(`${source}: expected weights for ${classCount} classes, found ${student.classes.count}`);
  }
  const bytes = student.toModel(fittingWeights(run, student), {
    size: size ? [size.height, size.width] : config.crop,
    description: { ...(classes && (await describeRun(run, classes))), ...asked.description },
  });
  const model = readModel(bytes, source);
  const untouched = [asked.storage, asked.description, asked.keepAuxiliary, foreign ? size : undefined];
  if (!/\.onnx$/i.test(output) || untouched.some((option) => option !== undefined)) {
    return await convertModel(model, source, output, { ...asked, size: foreign ? size : undefined });
  }
  await writeFileWhole(output, bytes);
  return modelReport(model, output);
}

/** What the model says, as the run's own files say it: with the validation of that step, where there was one. */
async function describeRun({ config, step = 0, folder }: RunWeights, classes: ClassSet): Promise<ModelDescription> {
  const records = folder === undefined ? [] : await readMetrics(runFiles(folder).metrics, step);
  const last = records.findLast((record) => 'validation' in record && record.step === step);
  return describeTrained(config, classes, step, last && 'validation' in last ? last.validation : undefined);
}

/** Weights for all that the network has; a checkpoint also holds those of losses. */
function fittingWeights({ weights, step, source }: RunWeights, student: Student): ReadonlyMap<string, Tensor> {
  const hasAuxiliary = [...weights.keys()].some(isAuxiliary);
  const expected = new Map([...student.weights].filter(([name]) => hasAuxiliary || !isAuxiliary(name)));
  const given = step === undefined ? weights : new Map([...weights].filter(([name]) => expected.has(name)));
  return loadStateDict(expected, given, source);
}

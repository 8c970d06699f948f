// Whether all ranks have the same run before them: version, configuration, data, networks and first weights.
import { createHash, type Hash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { SteadysegError } from '../base/errors.js';
import { exists, sha256OfFile } from '../base/files.js';
import { packageVersion } from '../base/version.js';
import type { Collective } from '../collective/collective.js';
import type { Dataset, FlowReference, FrameReference, LabelReference } from '../data/dataset.js';
import type { TrainingConfig } from './config.js';
import type { TrainingState } from './state.js';
import type { TrainingData } from './trainingData.js';

/** What a rank is about to do. */
export interface RunIdentity {
  readonly config: TrainingConfig;
  readonly data: TrainingData;
  readonly state: TrainingState;
}

/** Samples of a dataset whose files are compared byte for byte; of the others it is their sizes. */
const comparedSamples = 8;

/** @throws SteadysegError naming the first rank that differs from rank 0, and in what. */
export async function checkSameRun({ config, data, state }: RunIdentity, collective: Collective): Promise<void> {
  if (collective.size === 1) return;
  const own: Record<string, string> = {
    'version of steadyseg': packageVersion(),
    ...Object.fromEntries(
      Object.entries(decidingKeys(config)).map(([key, value]) => [`configuration (${key})`, JSON.stringify(value)]),
    ),
    data: await digestOfData(data.dataset),
    'data.extra': data.extra ? await digestOfData(data.extra.dataset) : '',
    'network.model': await digestOfFile(config.network.model),
    'teacher.model': await digestOfFile(config.teacher?.model),
    'motion.flow': config.motion.flow.endsWith('.onnx') ? await sha256OfFile(config.motion.flow) : config.motion.flow,
    'first weights': digest((hash) => {
      for (const [name, { data: content }] of state.parameters) hash.update(name).update(content);
    }),
  };
  const all = (await collective.gather(JSON.stringify(own))).map((text) => JSON.parse(text) as typeof own);
  for (const [rank, other] of all.entries()) {
    const differing = Object.keys({ ...all[0], ...other }).filter((key) => all[0][key] !== other[key]);
    if (differing.length === 0) continue;
    throw new SteadysegError(
      `expected the same run on all ranks, found on ${collective.describe(rank)} another ${differing.join(', ')} than on ${collective.describe(0)}`,
    );
  }
}

function digest(fill: (hash: Hash) => void): string {
  const hash = createHash('sha256');
  fill(hash);
  return hash.digest('hex');
}

/** Keys whose values say where things lie on a machine, or how it is used: these may differ. */
const placeKeys = new Set(['root', 'classes', 'flow', 'model', 'backbone', 'weights', 'cache', 'workers', 'threads']);

/** A configuration without those. */
function decidingKeys(config: TrainingConfig): Record<string, unknown> {
  return JSON.parse(JSON.stringify(config, (key, value) => (placeKeys.has(key) ? undefined : value)));
}

async function digestOfFile(path: string | undefined): Promise<string> {
  return path === undefined ? '' : sha256OfFile(path);
}

/** Of names, and of what the files hold: where they lie may differ from machine to machine. */
async function digestOfData(dataset: Dataset): Promise<string> {
  const { classes, palette, ignoreLabel } = dataset.classes;
  const hash = createHash('sha256').update(JSON.stringify([dataset.count, classes, palette, ignoreLabel]));
  const every = Math.max(1, Math.floor(dataset.count / comparedSamples));
  for (let index = 0; index < dataset.count; index++) {
    const sample = dataset.sample(index);
    const whole = index % every === 0;
    hash.update(sample.name);
    const parts = [sample.frame, sample.label, ...(whole ? [sample.neighbour(1), sample.flow(1)] : [])];
    for (const part of parts) hash.update(await contentOf(part, whole));
  }
  return hash.digest('hex');
}

type Reference = FrameReference | LabelReference | FlowReference;

async function contentOf(reference: Reference | undefined, whole: boolean): Promise<string> {
  if (reference?.kind === 'file') {
    return whole ? sha256OfFile(reference.path) : String((await stat(reference.path)).size);
  }
  if (reference?.kind !== 'files') return JSON.stringify(reference) ?? '';
  const files = [...reference.paths, ...reference.hidden];
  // Flow files are looked for when they are read: one that is missing everywhere is no difference.
  return (await Promise.all(files.map(async (path) => ((await exists(path)) ? sha256OfFile(path) : '')))).join();
}

// The folder of a training run: its files, and the log that grows by a line a step and is cut back on resume.
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { messageOf, SteadysegError } from '../base/errors.js';
import { exists, MAX_CONFIG_BYTES, readFileBounded, reasonOf, writeFileWhole } from '../base/files.js';
import { count, parseJson } from '../base/json.js';
import type { Confusion } from '../metrics/confusion.js';
import { parseConfig, type TrainingConfig } from './config.js';
import type { Validation } from './validate.js';

/** A line of `metrics.jsonl`: losses of a step, or a validation after it. */
export interface StepRecord {
  /** Steps done, from 1. */
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly losses: Readonly<Record<string, number>>;
  /** Learning rate of the backbone. */
  readonly rate: number;
  /** Milliseconds the step took, and for how many of them it waited for data. */
  readonly milliseconds: number;
  readonly waited: number;
  /** In mixed precision, what the loss was multiplied by; where the next step's is half of it, this one changed no weights. */
  readonly lossScale?: number | undefined;
}

/** A validation, as a line of `metrics.jsonl`. */
export interface ValidationRecord {
  readonly step: number;
  readonly time: number;
  readonly validation: Validation;
  /** Of all frames; absent where none has a label. */
  readonly confusion?: Confusion | undefined;
}

/** A line of `metrics.jsonl`. */
export type MetricsRecord = StepRecord | ValidationRecord;

/** A share 0..1. NaN, of a class that does not occur, stands as null in JSON. */
const figure = v.pipe(
  v.nullable(v.number()),
  v.transform((value) => value ?? Number.NaN),
);

const stepRecord: v.GenericSchema<unknown, StepRecord> = v.object({
  step: count,
  time: v.number(),
  losses: v.record(v.string(), v.number()),
  rate: v.number(),
  milliseconds: v.number(),
  waited: v.number(),
  lossScale: v.optional(v.number()),
});

const validationRecord: v.GenericSchema<unknown, ValidationRecord> = v.object({
  step: count,
  time: v.number(),
  validation: v.object({
    mIoU: figure,
    iou: v.array(figure),
    tc: v.optional(figure),
    flow: v.optional(v.string()),
    frames: count,
    pairs: count,
  }),
  confusion: v.optional(v.array(v.array(count))),
});

const metricsRecord = v.lazy(
  (content): v.GenericSchema<unknown, MetricsRecord> =>
    typeof content === 'object' && content !== null && 'validation' in content ? validationRecord : stepRecord,
);

/** A million steps take 300 MB; the engine's longest string holds a little more than this. */
const MAX_METRICS_BYTES = 500 * 2 ** 20;

/** Where everything of a run lies. */
export function runFiles(folder: string) {
  return {
    config: join(folder, 'config.json'),
    metrics: join(folder, 'metrics.jsonl'),
    events: join(folder, 'events.out.tfevents.steadyseg'),
    last: join(folder, 'checkpoints', 'last.safetensors'),
    best: join(folder, 'checkpoints', 'best.safetensors'),
    model: join(folder, 'model.onnx'),
    bestModel: join(folder, 'best.onnx'),
    lastModel: join(folder, 'last.onnx'),
    report: join(folder, 'report.html'),
    lock: join(folder, '.lock'),
  };
}

/** The configuration a run was begun with. @throws SteadysegError naming the file when it is none. */
export async function readRunConfig(path: string): Promise<TrainingConfig> {
  const text = new TextDecoder().decode(await readFileBounded(path, MAX_CONFIG_BYTES));
  const content = parseJson(v.unknown(), text, path, 'the configuration of a run');
  try {
    return parseConfig(content, path);
  } catch (thrown) {
    // Nobody wrote this file by hand.
    throw new SteadysegError(messageOf(thrown), { cause: thrown });
  }
}

/**
 * Records of a run up to a step. A line that a kill cut short is left out.
 * @throws SteadysegError naming the file and line, for any other line that is no record.
 */
export async function readMetrics(path: string, lastStep = Number.POSITIVE_INFINITY): Promise<MetricsRecord[]> {
  if (!(await exists(path))) return [];
  const lines = new TextDecoder().decode(await readFileBounded(path, MAX_METRICS_BYTES)).split('\n');
  const records: MetricsRecord[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    try {
      const record = parseJson(
        metricsRecord,
        line,
        `${path}, line ${index + 1}`,
        'the record of a step or a validation',
      );
      if (record.step <= lastStep) records.push(record);
    } catch (thrown) {
      if (index < lines.length - 1) throw thrown;
    }
  }
  return records;
}

/** Cuts the log back to what a checkpoint knows of. */
export async function rewriteMetrics(path: string, records: readonly MetricsRecord[]): Promise<void> {
  await writeFileWhole(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

export async function appendMetrics(path: string, record: MetricsRecord): Promise<void> {
  try {
    await appendFile(path, `${JSON.stringify(record)}\n`);
  } catch (thrown) {
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

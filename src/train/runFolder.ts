// The folder of a training run: its files, and the log that grows by a line a step and is cut back on resume.
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { exists, readFileBounded, reasonOf, writeFileWhole } from '../base/files.js';
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
}

export interface ValidationRecord {
  readonly step: number;
  readonly time: number;
  readonly validation: Validation;
}

export type MetricsRecord = StepRecord | ValidationRecord;

/** A million steps take 300 MB. */
const MAX_METRICS_BYTES = 2 ** 30;

/** Where everything of a run lies. */
export function runFiles(folder: string) {
  return {
    config: join(folder, 'config.json'),
    metrics: join(folder, 'metrics.jsonl'),
    events: join(folder, 'events.out.tfevents.steadyseg'),
    last: join(folder, 'checkpoints', 'last.safetensors'),
    best: join(folder, 'checkpoints', 'best.safetensors'),
    model: join(folder, 'model.onnx'),
    report: join(folder, 'report.html'),
    lock: join(folder, '.lock'),
  };
}

/** Records of a run up to a step. A line that a kill cut short is left out. */
export async function readMetrics(path: string, lastStep = Number.POSITIVE_INFINITY): Promise<MetricsRecord[]> {
  if (!(await exists(path))) return [];
  const lines = new TextDecoder().decode(await readFileBounded(path, MAX_METRICS_BYTES)).split('\n');
  const records: MetricsRecord[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    try {
      const record: MetricsRecord = JSON.parse(line);
      if (record.step <= lastStep) records.push(record);
    } catch {
      if (index < lines.length - 1) throw new SteadysegError(`${path}, line ${index + 1}: expected a JSON object`);
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

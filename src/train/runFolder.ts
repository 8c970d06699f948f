// The folder of a training run: its files, and the log that grows by a line a step and is cut back on resume.
import { appendFile, open, rm } from 'node:fs/promises';
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
  await appendFile(path, `${JSON.stringify(record)}\n`);
}

/** Takes the folder for this process. A lock left by a process that is gone is taken over. @returns what gives it back */
export async function lockRun(path: string): Promise<() => Promise<void>> {
  for (let attempt = 0; ; attempt++) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (thrown) {
      if (!(await exists(path)))
        throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
      const owner = Number(new TextDecoder().decode(await readFileBounded(path, 64)));
      if (attempt > 0 || isRunning(owner)) {
        throw new SteadysegError(
          `${path}: process ${owner} is training in this folder; end it, or choose another folder`,
        );
      }
      await rm(path, { force: true });
    }
  }
}

function isRunning(owner: number): boolean {
  if (!Number.isInteger(owner) || owner < 1) return false;
  try {
    process.kill(owner, 0);
    return true;
  } catch {
    return false;
  }
}

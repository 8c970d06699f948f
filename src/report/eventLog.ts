// The TensorBoard event file of a training run, kept in step with its metrics.
import { appendFileSync } from 'node:fs';
import { SteadysegError } from '../base/errors.js';
import { reasonOf, writeFileWhole } from '../base/files.js';
import type { MetricsRecord } from '../train/runFolder.js';
import { fileHeader, scalarRecord } from './tensorBoard.js';

/** Begins the file anew with the records so far, as on a resume that takes steps back. */
export async function beginEvents(path: string, records: readonly MetricsRecord[]): Promise<void> {
  const header = fileHeader(records[0]?.time ?? Date.now() / 1000);
  await writeFileWhole(path, Buffer.concat([header, ...records.flatMap(eventsOf)]));
}

/** Adds one record; synchronous, so that events stay in order. */
export function appendEvents(path: string, record: MetricsRecord): void {
  try {
    appendFileSync(path, Buffer.concat(eventsOf(record)));
  } catch (thrown) {
    throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

function eventsOf(record: MetricsRecord): Uint8Array[] {
  const { step, time } = record;
  const scalars: [string, number | undefined][] =
    'losses' in record
      ? [
          ...Object.entries(record.losses).map(([name, value]): [string, number] => [`loss/${name}`, value]),
          ['rate', record.rate],
        ]
      : [
          ['validation/mIoU', record.validation.mIoU],
          ['validation/tc', record.validation.tc],
        ];
  return scalars.flatMap(([tag, value]) =>
    // Without labels there is no mIoU.
    value === undefined || Number.isNaN(value) ? [] : [scalarRecord({ tag, value, step, time })],
  );
}

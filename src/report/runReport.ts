// The report of a training run under way: it takes what the callbacks of `train` tell, and is written as often as is wished.
import type { MetricsRecord } from '../train/runFolder.js';
import type { ValidatedFrame } from '../train/validate.js';
import type { PictureGroup } from './pictures.js';
import { writeReport } from './report.js';
import { heldFramePictures, type TrainingReportInput, trainingReport } from './training.js';

export interface RunReport {
  /** A step or validation. */
  add(record: MetricsRecord): void;
  /** A frame of the validation under way, by its place among so many. */
  show(frame: ValidatedFrame, index: number, count: number): void;
  /** Writes the report as it is now, whole or not at all. */
  write(): Promise<void>;
}

/** Held frames that a report shows. */
const shownFrames = 4;

/** @param start what the report says from the beginning; its records are those before, of a run that goes on. */
export function createRunReport(path: string, start: Omit<TrainingReportInput, 'samples'>): RunReport {
  const records = [...start.records];
  const wanted = { underWay: [] as ValidatedFrame[], ended: [] as ValidatedFrame[] };
  let samples: PictureGroup[] | undefined;
  return {
    add(record) {
      records.push(record);
      if (!('validation' in record)) return;
      wanted.ended = wanted.underWay;
      samples = undefined;
    },
    show(frame, index, count) {
      if (index === 0) wanted.underWay = [];
      if (isSpread(index, count)) wanted.underWay.push(frame);
    },
    async write() {
      samples ??= await Promise.all(wanted.ended.map((frame) => heldFramePictures(frame, start.classes)));
      await writeReport(path, trainingReport({ ...start, records, samples }));
    },
  };
}

/** Whether a frame is in the middle of one of as many equal parts of the set as there are frames to show. */
function isSpread(index: number, count: number): boolean {
  return Array.from({ length: shownFrames }, (_, part) => Math.floor(((part + 0.5) * count) / shownFrames)).includes(
    index,
  );
}

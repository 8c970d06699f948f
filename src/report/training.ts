// The report of a training run: curves, IoU by class, sample pictures.

import type { ClassSet } from '../media/classes.js';
import { colorize } from '../media/color.js';
import type { RgbImage } from '../media/image.js';
import { encodePicture } from '../media/pictures.js';
import type { MetricsRecord, StepRecord, ValidationRecord } from '../train/runFolder.js';
import type { ValidatedFrame } from '../train/validate.js';
import type { PictureGroup, ReportPicture } from './pictures.js';
import type { Report } from './report.js';

/** Points a curve is drawn with; more would not be seen. */
const curvePoints = 200;

export interface TrainingReportInput {
  readonly title: string;
  readonly records: readonly MetricsRecord[];
  readonly classes: ClassSet;
  /** Validated frames worth showing. */
  readonly samples: readonly ValidatedFrame[];
  /** What the run rests on: data, network, seed, by name. */
  readonly details: readonly (readonly [string, string])[];
}

const isStep = (record: MetricsRecord): record is StepRecord => 'losses' in record;

/** The report as data, for `renderReport`. */
export async function trainingReport({
  title,
  records,
  classes,
  samples,
  details,
}: TrainingReportInput): Promise<Report> {
  const steps = records.filter(isStep);
  const validations = records.filter((record): record is ValidationRecord => !isStep(record));
  const last = validations.at(-1)?.validation;
  const labelled = last !== undefined && !Number.isNaN(last.mIoU);
  const names = Object.keys(steps[0]?.losses ?? {});
  const waited = steps.reduce((sum, record) => sum + record.waited, 0);
  const spent = steps.reduce((sum, record) => sum + record.milliseconds, 0);
  return {
    title,
    figures: [
      {
        name: 'mIoU',
        value: last?.mIoU,
        format: 'percent',
        hint: last ? `${last.frames} held frames${labelled ? '' : ', without labels'}` : 'not validated',
      },
      {
        name: 'TC',
        value: last?.tc,
        format: 'percent',
        tone: 1,
        hint: last?.tc === undefined ? 'no flow given' : `${last.pairs} pairs, masked`,
      },
      {
        name: 'Loss',
        value: averaged(steps, 'loss').at(-1)?.y,
        format: 'number',
        tone: 2,
        hint: 'average of the last steps',
      },
    ],
    sections: [
      {
        kind: 'lines',
        title: 'Losses',
        text: 'Averages over neighbouring steps; weights not applied to the parts.',
        xName: 'step',
        format: 'number',
        series: names.map((name) => ({ name, points: averaged(steps, name) })),
      },
      {
        kind: 'lines',
        title: 'Validation',
        xName: 'step',
        format: 'percent',
        series: [
          { name: 'mIoU', points: validations.map(({ step, validation }) => ({ x: step, y: validation.mIoU })) },
          { name: 'TC', points: validations.map(({ step, validation }) => ({ x: step, y: validation.tc })) },
        ],
      },
      ...(labelled
        ? [
            {
              kind: 'bars' as const,
              title: 'IoU by class',
              format: 'percent' as const,
              series: [{ name: 'IoU' }],
              rows: classes.classes.map((name, id) => ({
                name,
                color: classes.palette[id],
                values: [last.iou[id]],
              })),
            },
          ]
        : []),
      ...(samples.length > 0
        ? [
            {
              kind: 'pictures' as const,
              title: 'Held frames',
              groups: await Promise.all(samples.map((sample) => sampleGroup(sample, classes))),
              legend: classes.classes.map((name, id) => ({ name, color: classes.palette[id] })),
            },
          ]
        : []),
    ],
    details: [
      ...details,
      ['Steps', String(steps.length)],
      ['Waited for data', `${((100 * waited) / Math.max(1, spent)).toFixed(1)} % of the time`],
    ],
  };
}

/** Averages of equal stretches of steps. */
function averaged(steps: readonly StepRecord[], name: string): { x: number; y: number }[] {
  const stretch = Math.max(1, Math.ceil(steps.length / curvePoints));
  const points: { x: number; y: number }[] = [];
  for (let start = 0; start < steps.length; start += stretch) {
    const part = steps.slice(start, start + stretch);
    const sum = part.reduce((total, { losses }) => total + losses[name], 0);
    points.push({ x: part[part.length - 1].step, y: sum / part.length });
  }
  return points;
}

async function sampleGroup(
  { name, image, label, prediction }: ValidatedFrame,
  classes: ClassSet,
): Promise<PictureGroup> {
  const picture = async (caption: string, content: RgbImage): Promise<ReportPicture> => ({
    caption,
    bytes: await encodePicture(content, 'jpeg'),
    type: 'image/jpeg',
    width: content.width,
    height: content.height,
  });
  const pictures = [picture('frame', image), picture('prediction', colorize(prediction, classes))];
  if (label) pictures.push(picture('label', colorize(label, classes)));
  return { title: name, pictures: await Promise.all(pictures) };
}

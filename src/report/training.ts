// The report of a training run: curves, IoU by class and how it went, the confusion matrix, held frames.
import type { ClassSet, Rgb } from '../media/classes.js';
import { colorize } from '../media/color.js';
import type { MetricsRecord, StepRecord, ValidationRecord } from '../train/runFolder.js';
import type { ValidatedFrame, Validation } from '../train/validate.js';
import { encode } from './overlays.js';
import type { PictureGroup } from './pictures.js';
import type { Report, Section } from './report.js';

/** Points a curve is drawn with; more would not be seen. */
const curvePoints = 200;

export interface TrainingReportInput {
  readonly title: string;
  readonly records: readonly MetricsRecord[];
  readonly classes: ClassSet;
  /** Held frames of the last validation (`heldFramePictures`). */
  readonly samples: readonly PictureGroup[];
  /** What the run rests on: data, network, seed, the command, by name. */
  readonly details: readonly (readonly [string, string])[];
}

const isStep = (record: MetricsRecord): record is StepRecord => 'losses' in record;

/** The report as data, for `renderReport`. */
export function trainingReport({ title, records, classes, samples, details }: TrainingReportInput): Report {
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
        hint: last?.tc === undefined ? 'no flow given' : `${last.pairs} pairs, masked, flow: ${last.flow ?? 'given'}`,
      },
      {
        name: 'Loss',
        value: averaged(steps, ({ losses }) => losses.loss).at(-1)?.y,
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
        series: names.map((name) => ({ name, points: averaged(steps, ({ losses }) => losses[name]) })),
      },
      {
        kind: 'lines',
        title: 'Learning rate',
        text: 'Of the weights without a factor of their own.',
        xName: 'step',
        format: 'number',
        series: [{ name: 'rate', points: averaged(steps, ({ rate }) => rate) }],
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
      ...(labelled ? classSections(validations, last, classes) : []),
      ...(samples.length > 0
        ? [{ kind: 'pictures' as const, title: 'Held frames', groups: samples, legend: namedColors(classes) }]
        : []),
    ],
    details: [
      ...details,
      ['Steps', String(steps.length)],
      ['Waited for data', `${((100 * waited) / Math.max(1, spent)).toFixed(1)} % of the time`],
    ],
  };
}

function namedColors({ classes, palette }: ClassSet): { name: string; color: Rgb }[] {
  return classes.map((name, id) => ({ name, color: palette[id] }));
}

/** What the last validation found of each class, how that came about, and which classes are taken for which. */
function classSections(validations: readonly ValidationRecord[], last: Validation, classes: ClassSet): Section[] {
  const named = namedColors(classes);
  const sections: Section[] = [
    {
      kind: 'bars',
      title: 'IoU by class',
      format: 'percent',
      series: [{ name: 'IoU' }],
      rows: named.map((one, id) => ({ ...one, values: [last.iou[id]] })),
    },
  ];
  if (validations.length > 1) {
    sections.push({
      kind: 'history',
      title: 'IoU by class over the run',
      text: `Validations from step ${validations[0].step} to ${validations[validations.length - 1].step}, all classes on one scale.`,
      xs: validations.map(({ step }) => step),
      rows: named.map((one, id) => ({ ...one, values: validations.map(({ validation }) => validation.iou[id]) })),
    });
  }
  const { confusion } = validations[validations.length - 1];
  if (confusion) {
    sections.push({
      kind: 'matrix',
      title: 'Which classes are taken for which',
      text: 'Of the pixels of a labelled class (row), the share predicted as each class (column), in percent, at the last validation.',
      classes: named,
      counts: confusion,
    });
  }
  return sections;
}

/** Averages of equal stretches of steps. */
function averaged(steps: readonly StepRecord[], value: (record: StepRecord) => number): { x: number; y: number }[] {
  const stretch = Math.max(1, Math.ceil(steps.length / curvePoints));
  const points: { x: number; y: number }[] = [];
  for (let start = 0; start < steps.length; start += stretch) {
    const part = steps.slice(start, start + stretch);
    const sum = part.reduce((total, record) => total + value(record), 0);
    points.push({ x: part[part.length - 1].step, y: sum / part.length });
  }
  return points;
}

/** A held frame beside its prediction and its label. */
export async function heldFramePictures(
  { name, image, label, prediction }: ValidatedFrame,
  classes: ClassSet,
): Promise<PictureGroup> {
  const pictures = [encode(image, 'frame', 'jpeg'), encode(colorize(prediction, classes), 'prediction', 'png')];
  if (label) pictures.push(encode(colorize(label, classes), 'label', 'png'));
  return { title: name, pictures: await Promise.all(pictures) };
}

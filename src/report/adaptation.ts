// The report of an adaptation: figures before and after, by class, the curve between the weights, the places that changed most.
import type { AdaptResult } from '../adapt/adapt.js';
import { lostShareOf } from '../adapt/lostRegions.js';
import type { AdaptOptions } from '../adapt/openAdaptation.js';
import type { ClassSet } from '../media/classes.js';
import { colorize } from '../media/color.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { encodePicture } from '../media/pictures.js';
import type { ReportPicture } from './pictures.js';
import type { Report } from './report.js';

/** A frame worth showing, as it was segmented. */
export interface ShownFrame {
  readonly index: number;
  /** Pixels that changed since the frame before along the flow. */
  readonly changes: number;
  readonly pictures: readonly ReportPicture[];
}

export interface AdaptationReportInput {
  readonly result: AdaptResult;
  readonly frames: readonly ShownFrame[];
  /** What it rests on besides: model, inputs, the command. */
  readonly details: readonly (readonly [string, string])[];
}

/** The report as data, for `renderReport`. */
export function adaptationReport({ result, frames, details }: AdaptationReportInput): Report {
  const { before, after, curve, alpha, adapted, classWeights, keepsShares, reach, keeps } = result;
  const judgedBy =
    before.mIoU === undefined
      ? 'that keeps to the consensus, its class shares and its regions'
      : 'whose mIoU on the labelled frames does not fall';
  const rows = result.classes.classes.flatMap((name, c) =>
    before.shares[c] > 0 || after.shares[c] > 0
      ? [{ name, color: result.classes.palette[c], values: [before.flicker[c], after.flicker[c]] }]
      : [],
  );
  return {
    title: adapted ? 'A steadier network' : 'As steady as it gets',
    subtitle: adapted
      ? `Flicker ${percent(1 - before.steady)} before, ${percent(1 - after.steady)} after`
      : "Nothing safe made the network steadier; the file holds the original's weights",
    figures: [
      { name: 'Steady pixels before', value: before.steady, format: 'percent' },
      { name: 'Steady pixels after', value: after.steady, format: 'percent', tone: 1 },
      {
        name: 'Agreement',
        value: after.agreement,
        format: 'percent',
        tone: 2,
        hint: 'with the original where it was sure',
      },
    ],
    notes: [
      'A pixel is steady when it keeps its class along the optical flow to the next frame, where that frame shows it. Temporal kappa takes off what chance would give: a constant labelling has 0.',
    ],
    sections: [
      {
        kind: 'table',
        title: 'Before and after',
        columns: [{ name: '' }, { name: 'before', format: 'number' }, { name: 'after', format: 'number' }],
        rows: [
          ['steady pixels', before.steady, after.steady],
          ['temporal kappa', before.kappa, after.kappa],
          ['agreement with the original where it was sure', before.agreement, after.agreement],
          ['agreement with the consensus', before.consensus, after.consensus],
          ['regions of the consensus that are lost', lostShareOf(before.regions), lostShareOf(after.regions)],
          ['TC along the flow', before.tc, after.tc],
          ...(before.mIoU === undefined || after.mIoU === undefined
            ? []
            : [['mIoU on the labelled frames', before.mIoU, after.mIoU]]),
          ...(keeps === undefined ? [] : [['same class on what is kept, held back', 1, keeps]]),
        ],
      },
      {
        kind: 'bars',
        title: 'Flicker by class',
        format: 'percent',
        series: [{ name: 'before' }, { name: 'after' }],
        rows,
      },
      {
        kind: 'table',
        title: 'Class shares, and regions',
        text: 'Regions of the consensus that the network saw as it came, and those of them that it does not see afterwards.',
        columns: [
          { name: 'class' },
          { name: 'share before', format: 'percent' },
          { name: 'after', format: 'percent' },
          { name: 'regions', format: 'number' },
          { name: 'lost', format: 'number' },
        ],
        rows: result.classes.classes.map((name, c) => [
          name,
          ...[before.shares[c], after.shares[c], after.regions.seen[c], after.regions.lost[c]],
        ]),
      },
      {
        kind: 'lines',
        title: 'From the original to the trained weights',
        text: `On held-back frames${classWeights === 'even' ? ', all classes weighted alike in training' : ''}${keepsShares ? '; the consensus with the class shares of the original, as in training' : ''}${reach < 1 ? `; α = 1 is ${Math.round(100 * reach)} % of the way` : ''}. Taken: α = ${alpha}, the steadiest point ${judgedBy}.`,
        xName: 'α',
        format: 'percent',
        series: [
          { name: 'steady pixels', points: curve.map((point) => ({ x: point.alpha, y: point.steady })) },
          {
            name: 'agreement with the consensus',
            points: curve.map((point) => ({ x: point.alpha, y: point.consensus })),
          },
          {
            name: 'class shares like the consensus’',
            points: curve.map((point) => ({ x: point.alpha, y: 1 - point.sharesApart })),
          },
          ...(before.mIoU === undefined
            ? []
            : [{ name: 'mIoU', points: curve.map(({ alpha: x, mIoU = Number.NaN }) => ({ x, y: mIoU })) }]),
        ],
      },
      ...(frames.length > 0
        ? [
            {
              kind: 'pictures' as const,
              title: 'The places that flickered most',
              groups: frames.map(({ index, changes, pictures }) => ({
                title: `frame ${index}`,
                text: `${changes} pixels changed since the frame before`,
                pictures,
              })),
              legend: result.classes.classes.map((name, c) => ({ name, color: result.classes.palette[c] })),
            },
          ]
        : []),
    ],
    details: [
      ...details,
      ['Frames, pairs', `${result.frames}, ${result.pairs}`],
      ['Cuts', result.cuts.length === 0 ? 'none' : result.cuts.map((t) => `after frame ${t}`).join(', ')],
      ['Steps', String(result.steps)],
      ['Flow', result.flow],
      ['Use', `steadyseg predict VIDEO --model ${result.model} --out FOLDER: as the original, at the same cost`],
    ],
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** Frames that are shown, the ones that flickered most before. */
const shownFrames = 4;

/** Collects the frames of an adaptation that flicker most before it: the frame, its labels before and after, the consensus. */
export function collectFrames(): {
  readonly onJudged: NonNullable<AdaptOptions['onJudged']>;
  frames(set: ClassSet): Promise<ShownFrame[]>;
} {
  interface Kept {
    readonly index: number;
    readonly changes: number;
    readonly image: RgbImage;
    readonly before: LabelMap;
    readonly consensus: LabelMap;
    after?: LabelMap;
  }
  let kept: Kept[] = [];
  return {
    onJudged(which, { index, changes = 0, labels, consensus, planes }) {
      if (which === 'before') {
        if (kept.length === shownFrames && changes <= kept[shownFrames - 1].changes) return;
        const { width, height } = labels;
        const pixels = width * height;
        const data = Uint8Array.from({ length: 3 * pixels }, (_, i) => planes[(i % 3) * pixels + Math.floor(i / 3)]);
        kept.push({ index, changes, image: { width, height, data }, before: labels, consensus });
        kept = kept.sort((a, b) => b.changes - a.changes).slice(0, shownFrames);
      } else {
        const found = kept.find((one) => one.index === index);
        if (found) found.after = labels;
      }
    },
    async frames(set) {
      const picture = async (caption: string, content: RgbImage): Promise<ReportPicture> => ({
        caption,
        bytes: await encodePicture(content, 'jpeg'),
        type: 'image/jpeg',
        width: content.width,
        height: content.height,
      });
      return Promise.all(
        kept.map(async ({ index, changes, image, before, after, consensus }) => ({
          index,
          changes,
          pictures: await Promise.all([
            picture('frame', image),
            picture('before', colorize(before, set)),
            picture('after', colorize(after ?? before, set)),
            picture('consensus (not per frame)', colorize(consensus, set)),
          ]),
        })),
      );
    },
  };
}

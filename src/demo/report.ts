// The demo's report: both networks side by side, by clip and by class, and one pair of frames in pictures.
import { readFile } from 'node:fs/promises';
import type { ClassSet } from '../media/classes.js';
import { colorize } from '../media/color.js';
import { encodePicture, readPicture } from '../media/pictures.js';
import { comparedPixels } from '../metrics/temporalConsistency.js';
import { warpLabels } from '../metrics/warp.js';
import { pairPictures } from '../report/overlays.js';
import type { PictureGroup, ReportPicture } from '../report/pictures.js';
import type { Report } from '../report/report.js';
import { type ClipOptions, createClipRenderer } from '../toycity/render.js';
import { demoNetworks } from './clips.js';
import type { Segment } from './measure.js';
import type { DemoResult } from './result.js';

export interface DemoReportOptions {
  readonly result: DemoResult;
  readonly shown: ClipOptions;
  readonly segments: readonly Segment[];
  readonly classes: ClassSet;
  /** Paths of the networks. */
  readonly models: readonly string[];
}

/** Arranges the demo's results; renders, segments and encodes one pair of frames of the shown clip. */
export async function demoReport(options: DemoReportOptions): Promise<Report> {
  const { result, shown, classes, models } = options;
  const { networks, labelsTc, labelsTcIoU, clips } = result.measurement;
  const [plain, steady] = networks;
  const gain = (value: number) => `${value >= 0 ? '+' : '−'}${Math.abs(100 * value).toFixed(2)} points`;
  const percent = { format: 'percent' } as const;
  return {
    title: 'steadyseg: two networks on streets they have not seen',
    subtitle: `${clips.length} clips of the toy city with exact labels and exact optical flow; the networks are of one shape and one cost`,
    figures: [
      {
        name: `TC, ${demoNetworks[1]}`,
        value: steady.tc,
        ...percent,
        mark: labelsTc,
        hint: gain(steady.tc - plain.tc),
      },
      {
        name: `TC, ${demoNetworks[0]}`,
        value: plain.tc,
        ...percent,
        mark: labelsTc,
        hint: 'the mark: TC of the exact labels',
        tone: 2,
      },
      {
        name: `mIoU, ${demoNetworks[1]}`,
        value: steady.mIoU,
        ...percent,
        hint: gain(steady.mIoU - plain.mIoU),
        tone: 1,
      },
      { name: `mIoU, ${demoNetworks[0]}`, value: plain.mIoU, ...percent, tone: 3 },
    ],
    notes: [
      'Temporal consistency (TC) is the mIoU between a prediction and the next one, warped back along the exact flow, where that is possible. It rewards constant output, so read it beside mIoU. The exact labels have less than 100 %, since warping rounds to whole pixels: that is the ceiling.',
      `In the videos: ${percentText(result.flicker[0])} of all pixels change their label from a frame to the next with "${demoNetworks[0]}", ${percentText(result.flicker[1])} with "${demoNetworks[1]}"; motion of the scene is part of both.`,
    ],
    sections: [
      {
        kind: 'table',
        title: 'By clip',
        text: 'The figures above are the means of these lines.',
        columns: [
          { name: 'clip (seed)' },
          { name: 'frames', format: 'count' },
          ...demoNetworks.flatMap((name) => [
            { name: `mIoU, ${name}`, ...percent },
            { name: `TC, ${name}`, ...percent },
          ]),
          { name: 'labels’ own TC', ...percent },
        ],
        rows: clips.map((clip) => [
          String(clip.seed),
          clip.frames,
          ...clip.networks.flatMap(({ mIoU, tc }) => [mIoU, tc]),
          clip.labelsTc,
        ]),
      },
      {
        kind: 'bars',
        title: 'TC by class',
        text: 'All pixels of all clips, in percent. A dash: the class does not occur.',
        format: 'percent',
        series: [
          { name: demoNetworks[1], tone: 0 },
          { name: demoNetworks[0], tone: 2 },
          { name: 'labels’ own', shape: 'mark', tone: 1 },
        ],
        rows: classes.classes.map((name, id) => ({
          name,
          color: classes.palette[id],
          values: [steady.tcIoU[id], plain.tcIoU[id], labelsTcIoU[id]],
        })),
      },
      {
        kind: 'bars',
        title: 'IoU by class',
        text: 'Likewise, against the exact labels.',
        format: 'percent',
        series: [
          { name: demoNetworks[1], tone: 0 },
          { name: demoNetworks[0], tone: 2 },
        ],
        rows: classes.classes.map((name, id) => ({
          name,
          color: classes.palette[id],
          values: [steady.iou[id], plain.iou[id]],
        })),
      },
      {
        kind: 'pictures',
        title: 'In pictures',
        text: 'Two consecutive frames in the middle of the shown clip, and how often each pixel changes its label over the whole clip.',
        legend: classes.classes.map((name, id) => ({ name, color: classes.palette[id] })),
        groups: [...(await pairGroups(options)), await flickerGroup(result.files.flicker)],
      },
    ],
    detailsTitle: 'How this was made',
    details: [
      ['Command', 'steadyseg demo'],
      ['Networks', models.join(', ')],
      ['Seeds', `measured: ${clips.map(({ seed }) => seed).join(', ')}; shown: ${shown.seed}`],
      ['Frames', `${shown.height}×${shown.width}`],
      ['mIoU', 'convention cityscapes, a clip at a time: classes that do not occur in it are left out'],
      ['TC', 'mode masked, exact flow'],
      ['Videos', [result.files.comparison, ...result.files.overlays, result.files.clip].join(', ')],
      ['Time', `${result.seconds.toFixed(0)} s`],
    ],
  };
}

/** The labels of a pair of frames, and both networks' predictions of it. */
async function pairGroups({ shown, segments, classes }: DemoReportOptions): Promise<PictureGroup[]> {
  const renderer = createClipRenderer(shown);
  const t = Math.floor((shown.frames - 1) / 2);
  const first = renderer.frame(t, { toNext: true });
  const second = renderer.frame(t + 1, { toPrevious: true });
  const { width, height } = first.image;
  const truth: ReportPicture = {
    caption: 'The exact labels',
    bytes: await encodePicture(colorize(first.labels, classes), 'png'),
    type: 'image/png',
    width,
    height,
  };
  const groups: PictureGroup[] = [];
  for (const [k, segment] of segments.entries()) {
    const [prediction, nextPrediction] = [await segment(first.image), await segment(second.image)];
    if (!first.toNext || !second.toPrevious) continue;
    const warped = warpLabels(nextPrediction, first.toNext.flow, second.toPrevious.flow, 'masked');
    const counted = comparedPixels(prediction, warped, classes.classes.length, 'masked');
    const pictures = await pairPictures({ frame: first.image, prediction, nextPrediction, warped, counted, classes });
    const [frame, ...others] = pictures;
    groups.push({ title: demoNetworks[k], pictures: [frame, truth, ...others] });
  }
  return groups;
}

async function flickerGroup(file: string): Promise<PictureGroup> {
  const { width, height } = await readPicture(file);
  const bytes = await readFile(file);
  return {
    title: 'Changes of label',
    text: `${demoNetworks[0]}, and ${demoNetworks[1]}, on one colour scale.`,
    pictures: [{ caption: 'How often each pixel changes its label', bytes, type: 'image/png', width, height }],
  };
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

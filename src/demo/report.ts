// The demo's report: figures before and after, flicker by class, and the pair of frames of median improvement in pictures.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { readTrainIds } from '../data/labelFiles.js';
import { type FlowSource, flowFrame } from '../flow/source.js';
import { colorize } from '../media/color.js';
import { openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { readPicture } from '../media/pictures.js';
import { comparedPixels } from '../metrics/temporalConsistency.js';
import { warpLabels } from '../metrics/warp.js';
import { formatNumber } from '../report/number.js';
import { encode, tinted } from '../report/overlays.js';
import type { PictureGroup } from '../report/pictures.js';
import type { Report } from '../report/report.js';
import { type DemoFigures, type DemoResult, demoSides } from './result.js';

/** A figure before and after; one that there is not is undefined. */
export interface DemoRow {
  readonly name: string;
  readonly format: 'percent' | 'number';
  readonly values: readonly [number | undefined, number | undefined];
}

/** The figures as rows of a table. */
export function demoRows({ before, after }: Pick<DemoResult, 'before' | 'after'>): DemoRow[] {
  const row = (name: string, of: (figures: DemoFigures) => number | undefined, format: DemoRow['format'] = 'percent') =>
    ({ name, format, values: [of(before), of(after)] }) as const;
  return [
    row('flicker: visible pixels that change class', ({ flicker }) => flicker),
    row('steady pixels', ({ steady }) => steady),
    row('temporal kappa', ({ kappa }) => kappa, 'number'),
    row('temporal consistency (TC)', ({ tc }) => tc),
    ...(before.mIoU === undefined ? [] : [row('mIoU against the exact labels', ({ mIoU }) => mIoU)]),
  ];
}

/** Arranges the demo's results and draws the pair that is shown. */
export async function demoReport(result: DemoResult, flow: FlowSource): Promise<Report> {
  const { before, after, labelsTc, classes, shown, files } = result;
  const text = (value: number | undefined) => formatNumber(value, 'percent');
  return {
    title: result.adapted ? 'The same network, steadier' : 'As steady as it gets',
    subtitle: result.adapted
      ? `${text(before.flicker)} of the visible pixels changed class from a frame to the next, now ${text(after.flicker)} do; the network costs what it did`
      : 'Nothing safe made the network steadier on this video: both sides are the same',
    figures: [
      { name: 'Flicker before', value: before.flicker, format: 'percent', tone: 2 },
      { name: 'Flicker after', value: after.flicker, format: 'percent' },
      {
        name: 'TC after',
        value: after.tc,
        format: 'percent',
        hint: `${text(before.tc)} before${labelsTc === undefined ? '' : '; the mark: TC of the exact labels'}`,
        ...(labelsTc !== undefined && { mark: labelsTc }),
      },
      {
        name: 'Says what it said',
        value: result.agreement,
        format: 'percent',
        tone: 1,
        hint: 'of the pixels where the network was sure',
      },
    ],
    notes: [
      'Neighbouring frames are compared along the optical flow, where the next frame shows a point: a pixel that keeps its class is steady. Temporal kappa takes off what chance would give. TC is the mIoU between a prediction and the next one, warped back.',
      'The network was adapted to this video, without labels: the figures say how it does here. On other material it is to be measured again; adapt --general holds it closer to what it was.',
    ],
    sections: [
      {
        kind: 'table',
        title: 'Before and after',
        columns: [{ name: '' }, { name: 'before', format: 'number' }, { name: 'after', format: 'number' }],
        rows: demoRows(result).map(({ name, format, values }) => [
          name,
          ...values.map((value) => formatNumber(value, format)),
        ]),
      },
      {
        kind: 'bars',
        title: 'Flicker by class',
        text: 'The share of the pixels of a class that are another class in the next frame. A dash: the class does not occur.',
        format: 'percent',
        series: [
          { name: 'after', tone: 0 },
          { name: 'before', tone: 2 },
        ],
        rows: classes.classes.map((name, id) => ({
          name,
          color: classes.palette[id],
          values: [after.flickerOfClasses[id], before.flickerOfClasses[id]],
        })),
      },
      {
        kind: 'pictures',
        title: `The pair of median improvement: frames ${shown.first} and ${shown.second}`,
        text: 'Half of all pairs gain more than this one, half less.',
        legend: classes.classes.map((name, id) => ({ name, color: classes.palette[id] })),
        groups: [...(await pairGroups(result, flow)), await flickerGroup(files.flicker)],
      },
    ],
    detailsTitle: 'How this was made',
    details: [
      ['Network', result.model],
      ['Video', `${result.input}, ${result.frames} frames`],
      ['Steps', `${result.steps}`],
      ['Flow', result.flow],
      ['Comparison', files.comparison],
      ['Label maps and overlays', `${files.before}, ${files.after}`],
      ['Adapted network', files.model],
      ['Time', `${result.seconds.toFixed(0)} s`],
    ],
  };
}

/** The shown pair: what both networks say of it, and which pixels change. */
async function pairGroups({ shown, input, classes, files }: DemoResult, flow: FlowSource): Promise<PictureGroup[]> {
  const images = new Map<string, RgbImage>();
  const stems = [shown.first, shown.second];
  const source = await openFrames(input);
  for await (const { stem, image } of source.frames({ wanted: (_, stem) => stems.includes(stem) })) {
    images.set(stem, { ...image, data: image.data.slice() });
    if (images.size === stems.length) break;
  }
  const [first, second] = stems.map((stem) =>
    flowFrame(stem, async () => {
      const image = images.get(stem);
      if (!image) throw new SteadysegError(`${input}: expected the frame ${stem} once more, found it gone`);
      return image;
    }),
  );
  const [forward, backward] = [
    await flow.flow({ first, second }, 'forward'),
    await flow.flow({ first, second }, 'backward'),
  ];
  const frame = await first.image();
  return await Promise.all(
    demoSides.map(async (side, k) => {
      const [prediction, next] = await Promise.all(
        stems.map((stem) => readTrainIds(join(files[side], 'labels', `${stem}.png`), classes)),
      );
      const warped = warpLabels(next, forward, backward, 'masked');
      const counted = comparedPixels(prediction, warped, classes.classes.length, 'masked');
      const changes = (pixel: number) => counted[pixel] !== 0 && prediction.data[pixel] !== warped.data[pixel];
      const share = formatNumber(1 - shown.steady[k], 'percent');
      return {
        title: side,
        pictures: await Promise.all([
          encode(frame, 'The frame', 'jpeg'),
          encode(colorize(prediction, classes), 'Its labels', 'png'),
          encode(colorize(next, classes), 'The next frame’s labels', 'png'),
          encode(tinted(frame, changes), `Pixels that change class: ${share}`, 'jpeg'),
        ]),
      };
    }),
  );
}

async function flickerGroup(file: string): Promise<PictureGroup> {
  const { width, height } = await readPicture(file);
  const bytes = await readFile(file);
  return {
    title: 'The whole video',
    text: 'Before and after on one colour scale; motion of the scene is part of both.',
    pictures: [{ caption: 'How often each pixel changes its label', bytes, type: 'image/png', width, height }],
  };
}

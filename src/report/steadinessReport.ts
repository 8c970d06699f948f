// The report of steadiness: steady pixels and kappa, flicker and share by class, over time, and the places that change most.
import { basename } from 'node:path';
import type { KeptPlace } from '../data/evaluation/steadiness.js';
import type { ClassSet } from '../media/classes.js';
import { colorize } from '../media/color.js';
import type { LabelMap, RgbImage, Size } from '../media/image.js';
import type { Place } from '../metrics/places.js';
import type { SteadinessResult } from '../metrics/result.js';
import type { Figure } from './figures.js';
import { encode, tinted } from './overlays.js';
import type { PictureGroup, ReportPicture } from './pictures.js';
import type { Report, Section } from './report.js';
import { basisText } from './resultTable.js';

/** What the report shows besides the result. */
export interface SteadinessReportOptions {
  readonly classSet: ClassSet | undefined;
  readonly places: readonly KeptPlace[];
  readonly notes: readonly string[];
  readonly details: Report['details'];
}

/** The report's colours: what is measured, its reference, agreement of the two. */
const tones = { own: 0, agreement: 1, reference: 2 };

/** Arranges the result; decodes and encodes the pictures of the places. */
export async function steadinessReport(
  result: SteadinessResult,
  { classSet, places, notes, details }: SteadinessReportOptions,
): Promise<Report> {
  const sections: Section[] = [...classSections(result, classSet), overTime(result, places)];
  if (classSet && places.length > 0) {
    const groups: PictureGroup[] = [];
    for (const place of places) groups.push(await placeGroup(result, place, classSet));
    sections.push({
      kind: 'pictures',
      title: 'The places that flicker most',
      text: `A part of a frame, its labels, those of the next frame, and in red what changed along the flow though it was visible.${result.against ? ' Then the reference’s labels of both frames, as they are.' : ''}`,
      legend: classSet.classes.map((name, id) => ({ name, color: classSet.palette[id] })),
      groups,
    });
  }
  return {
    title: `Steadiness: ${basename(result.inputs.pred ?? '')}`,
    subtitle: basisText(result),
    figures: figures(result),
    notes: [
      'Steady pixels alone reward constant output; the temporal kappa of that is 0. Neither knows whether labels are right.',
      ...notes,
    ],
    sections,
    details,
    detailsTitle: 'How this was measured',
  };
}

function figures(result: SteadinessResult): Figure[] {
  const { steady, kappa, against, agreement, totalVariation } = result;
  const reference = (value: number | null | undefined, text: (value: number) => string) =>
    value == null ? undefined : `the reference: ${text(value)}`;
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const list: Figure[] = [
    {
      name: 'Steady pixels',
      value: steady ?? undefined,
      format: 'percent',
      hint: reference(against?.steady, percent) ?? 'keep their class along the flow',
      mark: against?.steady ?? undefined,
    },
    {
      name: 'Temporal kappa',
      value: kappa ?? undefined,
      format: 'number',
      hint: reference(against?.kappa, (value) => value.toFixed(4)) ?? 'constant output: 0',
    },
  ];
  if (!against) return list;
  const hint = against.sure === null ? 'on all of its pixels' : `where it is sure (≥ ${against.sure})`;
  return [
    ...list,
    {
      name: 'Agreement with the reference',
      value: agreement ?? undefined,
      format: 'percent',
      hint,
      tone: tones.agreement,
    },
    {
      name: 'Class shares moved',
      value: totalVariation ?? undefined,
      format: 'percent',
      hint: 'total variation to the reference’s',
      tone: tones.reference,
    },
  ];
}

function classSections(result: SteadinessResult, classSet: ClassSet | undefined): Section[] {
  const { classes, flicker, shares, against } = result;
  const section = (
    title: string,
    text: string,
    own: readonly (number | null)[],
    other?: readonly (number | null)[],
  ) => {
    const values = [...own, ...(other ?? [])].map((value) => value ?? 0);
    return {
      kind: 'bars' as const,
      title,
      text,
      format: 'percent' as const,
      maximum: Math.max(...values) || 1,
      series: [
        { name: title, tone: tones.own },
        ...(other ? [{ name: 'the reference’s', tone: tones.reference, shape: 'mark' as const }] : []),
      ],
      rows: classes.map((name, id) => ({
        name,
        color: classSet?.palette[id],
        values: [own[id] ?? undefined, ...(other ? [other[id] ?? undefined] : [])],
      })),
    };
  };
  const sections: Section[] = [
    section(
      'Flicker by class',
      'Of the class’s visible pixels, in percent, those that are another class in the next frame. A dash: the class does not occur.',
      flicker,
      against?.flicker,
    ),
    section('Share by class', 'Of all visible pixels, in percent.', shares, against?.shares),
  ];
  if (!against) return sections;
  const agreed = { name: 'agreement', tone: tones.agreement };
  sections.push({
    kind: 'bars',
    title: 'Agreement by class',
    text: 'Of the pixels where the reference is sure of the class, in percent, those that have it here. A dash: it is nowhere sure of it.',
    format: 'percent',
    series: [agreed],
    rows: classes.map((name, id) => ({
      name,
      color: classSet?.palette[id],
      values: [against.agreement[id] ?? undefined],
    })),
  });
  return sections;
}

function overTime({ pairList, against }: SteadinessResult, places: readonly KeptPlace[]): Section {
  const line = (value: (pair: SteadinessResult['pairList'][number]) => number | null | undefined) =>
    pairList.flatMap((pair, index) => {
      const point = { x: index, y: value(pair) ?? undefined };
      // A break without value stands between clips.
      const starts = index > 0 && pairList[index - 1].clip !== pair.clip;
      return starts ? [{ x: index - 0.5, y: undefined }, point] : [point];
    });
  const own = { name: 'steady pixels', tone: tones.own, points: line(({ steady }) => steady) };
  const reference = { name: 'the reference’s', tone: tones.reference, points: line((pair) => pair.againstSteady) };
  return {
    kind: 'lines',
    title: 'Steady pixels over time',
    text: 'Each pair on its own; the figure above pools all pixels.',
    format: 'percent',
    xName: 'pair',
    series: against ? [reference, own] : [own],
    marks: places.flatMap(({ index }) => {
      const { steady, first, second } = pairList[index];
      return steady === null ? [] : [{ x: index, y: steady, name: `${first} → ${second}` }];
    }),
  };
}

/** Parts are enlarged to this width, so that single pixels can be seen. */
const PART_WIDTH = 360;

async function placeGroup(
  { pairList }: SteadinessResult,
  { frame, prediction, nextPrediction, warped, reference, place, index }: KeptPlace,
  classSet: ClassSet,
): Promise<PictureGroup> {
  const classes = classSet.classes.length;
  const { first, second } = pairList[index];
  const picture = part(await frame.image(), place, 3);
  const labels = labelsIn(prediction, place);
  const next = labelsIn(warped, place);
  const changed = (pixel: number) => {
    const [before, after] = [labels.data[pixel], next.data[pixel]];
    return before !== after && before < classes && after < classes;
  };
  const colors = (map: LabelMap) => enlarged(colorize(map, classSet));
  const pictures: Promise<ReportPicture>[] = [
    encode(enlarged(picture), first, 'jpeg'),
    encode(colors(labels), 'Its labels', 'png'),
    encode(colors(labelsIn(nextPrediction, place)), `The labels of ${second}, as they are`, 'png'),
    encode(enlarged(tinted(picture, changed)), 'What changed along the flow', 'png'),
  ];
  for (const [at, map] of (reference ?? []).entries()) {
    pictures.push(encode(colors(labelsIn(map, place)), `The reference: ${at === 0 ? first : second}`, 'png'));
  }
  const share = ((100 * place.changed) / (place.width * place.height)).toFixed(1);
  return {
    title: `${first} → ${second}, ${place.width}×${place.height} pixels at (${place.x}, ${place.y})`,
    text: `${share} % of its pixels change`,
    pictures: await Promise.all(pictures),
  };
}

function labelsIn(map: LabelMap, place: Place): LabelMap {
  return part(map, place, 1);
}

/** A part of rows of pixels. */
function part(picture: RgbImage | LabelMap, place: Place, channels: number): Size & { data: Uint8Array } {
  const { width, data } = picture;
  const row = place.width * channels;
  const cut = new Uint8Array(row * place.height);
  for (let y = 0; y < place.height; y++) {
    const from = ((place.y + y) * width + place.x) * channels;
    cut.set(data.subarray(from, from + row), y * row);
  }
  return { width: place.width, height: place.height, data: cut };
}

/** Every pixel as a square of the whole number of pixels that makes the picture about as wide as a part is shown. */
function enlarged({ width, height, data }: RgbImage): RgbImage {
  const factor = Math.max(1, Math.round(PART_WIDTH / width));
  const out = new Uint8Array(data.length * factor * factor);
  for (let y = 0, to = 0; y < height * factor; y++) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < width * factor; x++, to += 3) {
      const from = (row + Math.floor(x / factor)) * 3;
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    }
  }
  return { width: width * factor, height: height * factor, data: out };
}

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { type EvaluationReport, evaluationReport } from '#src/report/evaluation.js';
import { escapeHtml, html } from '#src/report/html.js';
import { formatNumber, niceTicks } from '#src/report/number.js';
import { pairPictures } from '#src/report/overlays.js';
import { renderReport, writeReport } from '#src/report/report.js';
import { createRunReport } from '#src/report/runReport.js';
import { trainingReport } from '#src/report/training.js';
import type { MetricsRecord } from '#src/train/runFolder.js';

const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true }));

const evaluation: EvaluationReport = {
  title: 'Consistency of <script>alert("x")</script> & co',
  tc: 0.8347,
  labelsTc: 0.8874,
  mIoU: 0.6945,
  classes: [
    { name: 'road', color: [128, 64, 128], tc: 0.98, iou: 0.96, labelsTc: 0.981 },
    { name: '"><img src=x onerror=alert(1)>', tc: undefined, iou: Number.NaN },
  ],
  series: {
    unit: 'pair',
    points: [0.9, 0.8, undefined, 0.7].map((value, index) => ({ index, value, labelsValue: 0.95 })),
  },
  worst: [
    {
      index: 3,
      value: 0.7,
      first: "a'b",
      second: 'c',
      pictures: [{ caption: 'The frame', bytes: Uint8Array.of(1, 2, 3), type: 'image/png', width: 2, height: 1 }],
    },
  ],
  details: [['flow', 'farneback']],
};

/** Whether every tag that is opened is closed in order. */
function balanced(document: string): boolean {
  const void_ = new Set(['meta', 'img', 'path', '!doctype']);
  const open: string[] = [];
  for (const [, slash, name] of document.matchAll(/<(\/?)([a-z!][a-z0-9]*)[^>]*>/gi)) {
    if (void_.has(name.toLowerCase())) continue;
    if (!slash) open.push(name);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
}

describe('the report of an evaluation', () => {
  const text = renderReport(evaluationReport(evaluation));

  it('shows TC, mIoU and the ceiling side by side, first of all', () => {
    const figures = text.slice(text.indexOf('class="figures"'), text.indexOf('<section'));
    expect([...figures.matchAll(/class="value">([^<]*)</g)].map((match) => match[1])).toEqual([
      '83.47 %',
      '69.45 %',
      '88.74 %',
    ]);
    expect(figures).toContain('5.27 points below the ceiling');
  });

  it('keeps the three places and says what was not measured when there are no labels', () => {
    const { labelsTc, mIoU, ...without } = evaluation;
    const bare = renderReport(evaluationReport(without));
    expect([...bare.matchAll(/class="value">([^<]*)</g)].map((match) => match[1])).toEqual(['83.47 %', '–', '–']);
    expect(bare.match(/not measured: no labels given/g)?.length).toBe(2);
  });

  it('of video consistency does not say that labels were missing', () => {
    const page = renderReport(evaluationReport({ title: 'vc', vc: { value: 0.9617, window: 8 }, details: [] }));
    expect(page).toContain('96.17 %');
    expect(page).not.toContain('no labels given');
  });

  it('is one file: no scripts, no addresses, no other files', () => {
    expect(text).not.toMatch(/<script|<link|@import|https?:|url\(/i);
    const sources = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1]);
    expect(sources).toEqual(['data:image/png;base64,AQID']);
    expect(text).toContain("default-src 'none'");
  });

  it('escapes names', () => {
    expect(text).toContain('Consistency of &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; co');
    expect(text).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;');
    expect(text).toContain('a&#39;b → c');
    expect(balanced(text)).toBe(true);
  });

  it('breaks the line where there is no value, and marks the worst pair', () => {
    const lines = [...text.matchAll(/class="line tone-0" d="([^"]*)"/g)].map((match) => match[1]);
    expect(lines.length).toBe(1);
    expect(lines[0].match(/M/g)?.length).toBe(2);
    expect(text).toContain('title="a&#39;b → c"');
  });

  it('is written whole', async () => {
    await writeReport(join(folder, 'sub', 'report.html'), evaluationReport(evaluation));
    expect(readdirSync(join(folder, 'sub'))).toEqual(['report.html']);
    expect(readFileSync(join(folder, 'sub', 'report.html'), 'utf8')).toBe(text);
  });
});

it('shows training curves and tables with the same pieces', () => {
  const text = renderReport({
    title: 'Training',
    figures: [{ name: 'steps', value: 12000, format: 'count' }],
    sections: [
      {
        kind: 'lines',
        title: 'Loss',
        format: 'number',
        xName: 'step',
        series: [{ name: 'loss', points: [0, 1, 2].map((x) => ({ x, y: 1 / (x + 1) })) }],
      },
      { kind: 'lines', title: 'Empty', format: 'number', xName: 'step', series: [] },
      {
        kind: 'table',
        title: 'Stages',
        columns: [{ name: 'stage' }, { name: 'ms', format: 'number' }],
        rows: [
          ['decode', 1.25],
          ['<b>', undefined],
        ],
      },
      {
        kind: 'bars',
        title: 'Times',
        format: 'number',
        series: [{ name: 'ms' }],
        rows: [
          { name: 'a', values: [5] },
          { name: 'b', values: [2.5] },
        ],
      },
    ],
    details: [],
  });
  expect(text).toContain('12,000');
  expect(text).toContain('Nothing to draw');
  expect(text).toContain('<td class="left">&lt;b&gt;</td><td class="right">–</td>');
  expect([...text.matchAll(/class="bar tone-0" style="width:([^"]*)"/g)].map((match) => match[1])).toEqual([
    '100%',
    '50%',
  ]);
  expect(balanced(text)).toBe(true);
});

it('of a training run says that held frames had no labels, and shows what else was measured', () => {
  const validation = { mIoU: Number.NaN, iou: [Number.NaN, Number.NaN], tc: 0.75, frames: 3, pairs: 2 };
  const records = [
    { step: 1, time: 0, losses: { loss: 0.5 }, rate: 0.1, milliseconds: 10, waited: 1 },
    { step: 1, time: 0, validation },
  ];
  const input = { title: 'run', records, classes: presetClasses('camvid'), samples: [], details: [] };
  const text = renderReport(trainingReport(input));
  expect([...text.matchAll(/class="value">([^<]*)</g)].map((match) => match[1])).toEqual(['–', '75.00 %', '0.5']);
  expect(text).toContain('3 held frames, without labels');
  expect(text).not.toContain('IoU by class');
  expect(text).not.toContain('∞');
  const labelled = { ...validation, mIoU: 0.5, iou: [0.5, Number.NaN] };
  const page = renderReport(trainingReport({ ...input, records: [{ step: 1, time: 0, validation: labelled }] }));
  expect(page).toContain('IoU by class');
});

describe('the report of a training run', () => {
  const classes = presetClasses('cityscapes');
  const [width, height] = [8, 4];
  const validation = (step: number, mIoU: number, confusion?: number[][]) => ({
    step,
    time: 0,
    validation: {
      mIoU,
      iou: classes.classes.map((_, id) => (id === 4 ? Number.NaN : mIoU + id / 100)),
      tc: 0.75,
      flow: 'dis',
      frames: 3,
      pairs: 2,
    },
    ...(confusion && { confusion }),
  });
  const step = (at: number, rate: number) => ({
    ...{ step: at, time: 0, losses: { loss: 1 / at }, rate, milliseconds: 10, waited: 1 },
  });
  /** Road is taken for sidewalk in 3 of 10 pixels, and for no class in 1; class 4 has no pixels. */
  const confusion = classes.classes.map((_, id) =>
    Array.from({ length: 20 }, (_, column) =>
      id === 4 ? 0 : id === 0 ? ({ 0: 6, 1: 3, 19: 1 }[column] ?? 0) : column === id ? 7 : 0,
    ),
  );
  const page = (records: readonly MetricsRecord[]) =>
    renderReport(
      trainingReport({ title: 'run', records, classes, samples: [], details: [['Command', 'steadyseg train x.yaml']] }),
    );

  it('draws rate, history by class and confusion of the last validation, and names flow and command', () => {
    const text = page([step(1, 0.5), validation(1, 0.25), step(2, 0.125), validation(2, 0.5, confusion)]);
    expect(balanced(text)).toBe(true);
    const headings = [...text.matchAll(/<h2>([^<]*)</g)].map((match) => match[1]);
    expect(headings).toEqual([
      ...['Losses', 'Learning rate', 'Validation', 'IoU by class', 'IoU by class over the run'],
      ...['Which classes are taken for which', 'Details'],
    ]);
    expect(text).toContain('2 pairs, masked, flow: dis');
    expect(text).toContain('<dt>Command</dt><dd>steadyseg train x.yaml</dd>');
    const history = text.slice(text.indexOf('class="histories"'), text.indexOf('class="matrix"'));
    const curves = [...history.matchAll(/class="line" d="([^"]*)"/g)].map((match) => match[1]);
    expect(curves.length).toBe(19);
    // On one scale: the best value of all, 0.68, is the top.
    expect(curves[18]).toBe(
      `M0 ${Number((30 * (1 - 0.43 / 0.68)).toFixed(1))}L0 ${Number((30 * (1 - 0.43 / 0.68)).toFixed(1))}L300 0`,
    );
    expect(curves[4]).toBe('');
    expect(history).toContain('<span>50.00 %</span><small>best 50.00 %</small>');
    const matrix = text.slice(text.indexOf('class="matrix"'));
    // 18 rows of labelled classes, 18 columns of these and one of no class.
    expect(matrix.match(/<tr>/g)?.length).toBe(19);
    expect(matrix.match(/<td /g)?.length).toBe(18 * 19);
    expect(matrix).toContain('<td class="hit dark" style="--share:60%" title="road as road: 60.00 %">60</td>');
    expect(matrix).toContain('<td class="miss" style="--share:30%" title="road as sidewalk: 30.00 %">30</td>');
    const mistakes = [...matrix.matchAll(/<li>([^<]*)</g)].map((match) => match[1]);
    expect(mistakes).toEqual(['30.00 % of road as sidewalk', '10.00 % of road as no class']);
  });

  it('has no history of one validation', () => {
    expect(page([step(1, 0.5), validation(1, 0.25)])).not.toContain('over the run');
  });

  it('under way shows held frames from all over the set, of the last validation that ended', async () => {
    const path = join(folder, 'run', 'report.html');
    const report = createRunReport(path, { title: 'run', records: [step(1, 0.5)], classes, details: [] });
    const map = { width, height, data: new Uint8Array(width * height) };
    const frame = (name: string) => ({
      ...{
        name,
        image: { width, height, data: new Uint8Array(3 * width * height) },
        label: undefined,
        prediction: map,
      },
    });
    const shown = async () => {
      await report.write();
      return [...readFileSync(path, 'utf8').matchAll(/<h3>([^<]*)</g)].map((match) => match[1]);
    };
    for (let index = 0; index < 100; index++) report.show(frame(`first ${index}`), index, 100);
    expect(await shown()).toEqual([]);
    report.add(validation(1, 0.5));
    expect(await shown()).toEqual(['first 12', 'first 37', 'first 62', 'first 87']);
    for (let index = 0; index < 3; index++) report.show(frame(`second ${index}`), index, 3);
    expect(await shown()).toEqual(['first 12', 'first 37', 'first 62', 'first 87']);
    report.add(validation(2, 0.5));
    expect(await shown()).toEqual(['second 0', 'second 1', 'second 2']);
    expect(readFileSync(path, 'utf8')).toContain('IoU by class over the run');
  });
});

it('draws the pictures of a pair', async () => {
  const [width, height] = [8, 4];
  const map = (id: number) => ({ width, height, data: new Uint8Array(32).fill(id) });
  const warped = map(0);
  warped.data.fill(1, 0, 8);
  const counted = new Uint8Array(32).fill(1).fill(0, 24);
  const frame = { width, height, data: new Uint8Array(96).fill(200) };
  const maps = {
    frame,
    prediction: map(0),
    nextPrediction: map(255),
    warped,
    counted,
    classes: presetClasses('camvid'),
  };
  const pictures = await pairPictures(maps);
  expect(pictures.map((picture) => picture.caption)).toEqual([
    'The frame',
    'Its prediction',
    'The next frame’s prediction',
    'Disagreement after warping: 33.3 %',
    'Left out: 25.0 %',
  ]);
  const pixels = (k: number) => sharp(pictures[k].bytes).toColourspace('srgb').removeAlpha().raw().toBuffer();
  expect([...(await pixels(1)).subarray(0, 3)]).toEqual([128, 128, 128]);
  expect([...(await pixels(2)).subarray(0, 3)]).toEqual([0, 0, 0]);
  const [red, , blue] = await pixels(3);
  expect(red - blue).toBeGreaterThan(40);
  await expect(pairPictures({ ...maps, warped: { width: 4, height: 8, data: warped.data } })).rejects.toThrow(
    'expected label maps of 8×4 but received 4×8',
  );
});

it('escapes and formats', () => {
  expect(html`<p>${['<', html`<b>`, undefined, false, 3]}</p>`.markup).toBe('<p>&lt;<b>3</p>');
  expect(escapeHtml('a\u0000b\u001b')).toBe('a\ufffdb\ufffd');
  expect([0.5, Number.NaN, undefined].map((value) => formatNumber(value, 'percent'))).toEqual(['50.00 %', '–', '–']);
  expect([1234.567, 0.00012, 0, Number.POSITIVE_INFINITY].map((value) => formatNumber(value, 'number'))).toEqual([
    '1235',
    '1.200e-4',
    '0',
    '∞',
  ]);
  expect(niceTicks(0.713, 0.93, 4)).toEqual([0.7, 0.8, 0.9, 1]);
  expect(niceTicks(5, 5, 4).length).toBeGreaterThan(1);
});

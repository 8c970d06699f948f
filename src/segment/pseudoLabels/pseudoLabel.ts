// Labels a whole input by a network, where it is sure, for training on: label maps, a list file, and a report of what was kept.
import { join } from 'node:path';
import { SteadysegError, UsageError } from '../../base/errors.js';
import { ensureFolder, writeFileWhole } from '../../base/files.js';
import { lockFolder } from '../../base/lock.js';
import type { OnProgress } from '../../base/progress.js';
import { checkResumable, formatRecord, partName, removeOtherRecords } from '../../base/runRecord.js';
import { type Shard, wholeWork } from '../../base/shard.js';
import { checkApart, type FrameFolder, finishedStems } from '../../media/frameFiles.js';
import { type Frame, type FrameSource, openFrames } from '../../media/frames.js';
import { checkSegmentOptions, type SegmentationModel } from '../model.js';
import { createPool, movable } from '../pool.js';
import { createTally, type FrameRunOptions, type RunSpeed, runFrames, speedOf } from '../runFrames.js';
import { runSettings } from '../runSettings.js';
import { selectFrames } from '../selection.js';
import type { ViewOptions } from '../views.js';
import { decideByShare, removePendingFrames } from './decide.js';
import {
  appendFrameRecords,
  type FrameRecord,
  labelOf,
  listedPath,
  readFrameRecords,
  writeFrameRecords,
  writeTrainingList,
} from './frameRecords.js';
import {
  type ExtraOutput,
  extraOutputs,
  type PseudoLabelReport,
  type PseudoLabelSettings,
  readPseudoLabelReport,
  reportOf,
} from './report.js';

/** SPEC §5. */
const DEFAULT_THRESHOLD = 0.9;

/** What the owner of a locked folder is doing. */
export const lockedWork = 'writing pseudo labels into this folder';

export interface PseudoLabelOptions extends ViewOptions, FrameRunOptions {
  /** Pixels whose probability is lower become 255; default 0.9. */
  readonly threshold?: number | undefined;
  /** In place of a threshold: keep this share of the pixels of each class over the whole input, the surest ones. */
  readonly quantile?: number | undefined;
  /** What to write besides the labels; default nothing. */
  readonly save?: readonly ExtraOutput[] | undefined;
  /** With `quantile`, once all frames are segmented: how far choosing and writing is; each frame counts twice. */
  readonly onDeciding?: OnProgress | undefined;
}

/** The report, and what this run did of it. */
export interface PseudoLabelSummary extends PseudoLabelReport {
  readonly run: RunSpeed & {
    /** Frames an earlier run had finished. */
    readonly resumed: number;
  };
}

/**
 * Labels every frame of INPUT in `out` (SPEC §5): `labels/<stem>.png` with 255 where the network is not sure enough, of a
 * video also the frames as `frames/<stem>.png`, `frames.jsonl` (the pixels of each class, a frame a line), `list.txt`
 * (`image label [next image]`, for training) and `pseudo-label.json` (the report). A resumed run ends with the same files
 * as one that was never interrupted.
 *
 * With `quantile`, frames wait in `pending/` (3 bytes a pixel before compression) until all are segmented. Shards leave
 * them there, and write no list: `mergePseudoLabels` does both.
 *
 * @throws SteadysegError for an input, model or folder that cannot be used, and for a folder another process labels into;
 *   UsageError for a threshold or share out of range.
 */
export async function pseudoLabel(
  input: string,
  model: SegmentationModel,
  out: string,
  options: PseudoLabelOptions = {},
): Promise<PseudoLabelSummary> {
  const rule = ruleOf(options);
  checkSegmentOptions(model.description, { ...options, confidence: true });
  checkClasses(model);
  const { keepGoing = false, limit, shard = wholeWork, signal, save: asked = [] } = options;
  const save = extraOutputs.filter((kind) => asked.includes(kind));
  const source = await openFrames(input, { acceptTruncated: keepGoing, onNote: options.onNote });
  const settings: PseudoLabelSettings = {
    kind: 'pseudo-label',
    ...(await runSettings(input, model, options)),
    classSet: model.classes.name,
    palette: model.classes.palette,
    ...rule,
    save,
  };
  const classCount = settings.classes.length;
  const reportPath = join(out, reportName(shard));
  const recordsPath = join(out, recordsName(shard));
  const imagePath = imagePathsOf(source, out);
  const clipOf = clipsOf(source);
  const selection = selectFrames(source, shard, limit ?? Number.POSITIVE_INFINITY);

  // What is written while a frame is segmented; with a quantile, the rest follows when all are.
  const byShare = rule.quantile !== null;
  const kinds = [
    byShare ? 'pending' : 'labels',
    ...save.filter((kind) => kind === 'confidence' || !byShare),
    ...(source.kind === 'video' ? ['frames'] : []),
  ];
  await checkApart(source, foldersOf(out, ['labels', ...save, ...kinds]));
  const tally = createTally();
  if (options.resume && byShare) {
    const earlier = await checkResumable(reportPath, settings);
    const sameFrames = earlier?.complete === true && earlier.limit === (limit ?? null);
    const earlierRecords = sameFrames ? await readFrameRecords(recordsPath, classCount) : [];
    if (sameFrames && (await areDecided(out, kinds, earlierRecords))) {
      tally.resumed = tally.frames = earlierRecords.length;
      const done = await readPseudoLabelReport(reportPath);
      return { ...done, run: { resumed: tally.resumed, ...speedOf(tally, { sessions: 0, threads: 0 }) } };
    }
  }

  const views = { tile: options.tile, scales: options.scales, flip: options.flip };
  const pool = await createPool(model, { ...views, confidence: true }, selection.count);
  const finished = new Map<string, FrameRecord>();
  let records: FrameRecord[] = [];
  let thresholds: (number | null)[] | undefined;
  const report = (complete: boolean, interrupted: boolean): PseudoLabelReport =>
    reportOf(settings, records, {
      limit: limit ?? null,
      shard,
      complete,
      interrupted,
      failed: tally.failed,
      thresholds,
    });
  const lock = join(out, `.${partName('pseudo-label', shard)}.lock`);
  const unlock = await lockFolder(lock, lockedWork).catch(async (thrown) => {
    await pool.release();
    throw thrown;
  });
  try {
    const speed = await segmentFrames().finally(() => pool.release());
    records.sort((a, b) => a.index - b.index);
    const isWhole = shard.count === 1;
    if (byShare && isWhole && !signal?.aborted) {
      const { onDeciding: onProgress } = options;
      const share = rule.quantile;
      const decided = await decideByShare(out, records, { share, classes: model.classes, save, onProgress, signal });
      if (decided) ({ records, thresholds } = decided);
    }
    const interrupted = signal?.aborted ?? false;
    const result = report(!interrupted && tally.failed.length === 0, interrupted);
    await writeFrameRecords(recordsPath, records);
    if (isWhole && result.decided) await writeTrainingList(join(out, 'list.txt'), records);
    await writeFileWhole(reportPath, formatRecord(result));
    if (byShare && isWhole && result.complete) await removePendingFrames(out, records);
    return { ...result, run: { resumed: tally.resumed, ...speed } };
  } finally {
    await unlock();
  }

  /** Segments the frames that no earlier run has finished. */
  async function segmentFrames(): Promise<RunSpeed> {
    for (const folder of [out, ...kinds.map((kind) => join(out, kind))]) await ensureFolder(folder);
    if (options.resume && (await checkResumable(reportPath, settings))) {
      const stems = await finishedStems(foldersOf(out, kinds));
      for (const record of await readFrameRecords(recordsPath, classCount)) {
        const here = stems.has(record.stem) && selection.has(record.index);
        if (here) finished.set(record.stem, byShare ? { ...record, kept: null } : record);
      }
      records = [...finished.values()];
    } else {
      await removeOtherRecords(out, 'pseudo-label', shard);
    }
    // First the frames: those of other settings must not lie beside a report of these.
    await writeFrameRecords(recordsPath, records);
    await writeFileWhole(reportPath, formatRecord(report(false, false)));
    const writer = await appendFrameRecords(recordsPath);
    try {
      await runFrames(source, selection, pool.sessions + 2, options, tally, {
        isDone: (stem) => finished.has(stem),
        finish: finishFrame,
        async take(record) {
          await writer.append(record);
          records.push(record);
        },
      });
    } finally {
      await writer.close();
    }
    return speedOf(tally, pool);
  }

  /** Segments one frame and writes what is known of it. */
  async function finishFrame({ index, stem, image }: Frame): Promise<FrameRecord> {
    const { balance, rendered, labels, times } = await pool.run({
      image: movable(image),
      threshold: rule.threshold ?? 0,
      render: {
        labels: !byShare,
        color: !byShare && save.includes('color'),
        confidence: save.includes('confidence'),
        pending: byShare,
        frame: source.kind === 'video',
      },
    });
    for (const stage of ['prepare', 'inference', 'labels', 'render'] as const) tally.times[stage] += times[stage];
    const start = performance.now();
    const contents: Record<string, Uint8Array | undefined> = {
      ...rendered,
      overlay: undefined,
      frames: rendered.frame,
    };
    for (const kind of kinds) {
      const content = contents[kind];
      if (content) await writeFileWhole(join(out, kind, `${stem}.png`), content);
    }
    tally.times.write += performance.now() - start;
    return {
      index,
      clip: clipOf(index),
      stem,
      image: imagePath(index, stem),
      label: labelOf(stem),
      width: labels.width,
      height: labels.height,
      predicted: balance.predicted,
      kept: byShare ? null : balance.kept,
    };
  }
}

/** Names of the files of a shard; shards may share a folder. */
export function reportName(shard: Shard): string {
  return `${partName('pseudo-label', shard)}.json`;
}

export function recordsName(shard: Shard): string {
  return `${partName('frames', shard)}.jsonl`;
}

function ruleOf({ threshold, quantile }: PseudoLabelOptions): Pick<PseudoLabelSettings, 'threshold' | 'quantile'> {
  if (quantile === undefined) {
    const lowest = threshold ?? DEFAULT_THRESHOLD;
    if (lowest >= 0 && lowest <= 1) return { threshold: lowest, quantile: null };
    throw new UsageError(`expected a threshold from 0 to 1 (a probability), found ${lowest}`);
  }
  if (threshold !== undefined) {
    throw new UsageError(`expected a threshold or a quantile, found both (${threshold} and ${quantile})`);
  }
  if (quantile > 0 && quantile <= 1) return { threshold: null, quantile };
  throw new UsageError(`expected a quantile above 0 and up to 1 (the share that is kept), found ${quantile}`);
}

/** A network is trained on these ids by their names, so there has to be one name for each. */
function checkClasses({ description, classes }: SegmentationModel): void {
  const { classCount, source } = description;
  const named = classes.classes.length;
  if (classCount === undefined || classCount === named) return;
  throw new SteadysegError(
    `${source}: expected a network of the ${named} classes of "${classes.name}", found one of ${classCount}: choose another --preset, or name them with --classes`,
  );
}

function foldersOf(out: string, kinds: readonly string[]): FrameFolder[] {
  return kinds.map((kind) => ({ path: join(out, kind), extension: '.png' }));
}

/** Whether all frames have the files that a decided set consists of. */
async function areDecided(out: string, kinds: readonly string[], records: readonly FrameRecord[]): Promise<boolean> {
  const stems = await finishedStems(foldersOf(out, ['labels', ...kinds.filter((kind) => kind !== 'pending')]));
  return records.every(({ stem }) => stems.has(stem));
}

/** The path of each frame's picture, as the list has it. */
function imagePathsOf(source: FrameSource, out: string): (index: number, stem: string) => string {
  const { paths } = source;
  if (!paths) return (_, stem) => `frames/${stem}.png`;
  const listed = paths.map((path) => listedPath(out, path));
  return (index) => listed[index];
}

/** The clip that each frame belongs to. */
function clipsOf(source: FrameSource): (index: number) => number {
  const { paths, clips } = source;
  if (!paths) return () => 0;
  const clipOf = new Int32Array(paths.length);
  for (const [number, { first, count = 0 }] of clips.entries()) clipOf.fill(number, first, first + count);
  return (index) => clipOf[index];
}

// Labels a whole input by a network, where it is sure, for training on: label maps, a list file, and a report of what was kept.
import { join } from 'node:path';
import { SteadysegError, UsageError } from '../../base/errors.js';
import { ensureFolder } from '../../base/files.js';
import { type OutputFolder, openOutputFolder, partName, type Recorded } from '../../base/outputFolder.js';
import type { OnProgress } from '../../base/progress.js';
import { type Shard, wholeWork } from '../../base/shard.js';
import { digestOf } from '../../base/written.js';
import { checkApart, type FrameFolder } from '../../media/frameFiles.js';
import { checkUnchanged, type Frame, type FrameSource, openFrames } from '../../media/frames.js';
import { checkSegmentOptions, type SegmentationModel } from '../model.js';
import { createPool, movable } from '../pool.js';
import { createTally, type FrameRunOptions, type RunSpeed, runFrames, speedOf } from '../runFrames.js';
import { runSettings } from '../runSettings.js';
import { selectFrames } from '../selection.js';
import { checkFramesFree, framePaths, frameUnit, takeOver } from '../takeOver.js';
import type { ViewOptions } from '../views.js';
import { decideByShare, decidedUnit, removePendingFrames, setDigest } from './decide.js';
import {
  appendFrameRecords,
  type FrameRecord,
  formatLine,
  formatTrainingList,
  labelOf,
  listedPath,
  readFrameRecords,
  writeFrameRecords,
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

const extension = '.png';
/** The file that `train` reads. */
export const listName = 'list.txt';

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
export interface PseudoLabelSummary extends PseudoLabelReport, Recorded {
  readonly run: RunSpeed & {
    /** Frames an earlier run had finished. */
    readonly resumed: number;
  };
}

/**
 * Labels every frame of INPUT in `out` (SPEC §5): `labels/<stem>.png` with 255 where the network is not sure enough, of a
 * video also the frames as `frames/<stem>.png`, `frames.jsonl` (the pixels of each class, a frame a line), `list.txt`
 * (`image label [next image]`, for training) and `pseudo-label.json` (the report). A resumed run ends with the same files
 * as one that was never interrupted: it takes over what it finds as a run of the same settings wrote it, from the same content.
 *
 * With `quantile`, frames wait in `pending/` (3 bytes a pixel before compression) until all are segmented. Shards leave
 * them there, and write no list: `mergePseudoLabels` does both.
 *
 * @throws SteadysegError for an input, model or folder that cannot be used, for a folder another process labels into, and for a
 *   file in it that is the user's; UsageError for a threshold or share out of range.
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
  const taken = { limit: limit ?? null, every: options.every ?? 1, from: options.from ?? null, to: options.to ?? null };
  const save = extraOutputs.filter((kind) => asked.includes(kind));
  const source = await openFrames(input, { acceptTruncated: keepGoing, raw: options.raw, onNote: options.onNote });
  const settings: PseudoLabelSettings = {
    kind: 'pseudo-label',
    ...(await runSettings(input, model, options)),
    ...rule,
    save,
  };
  const classCount = settings.classes.length;
  const recordsPath = join(out, recordsName(shard));
  const imagePath = imagePathsOf(source, out);
  const clipOf = clipsOf(source);
  const selection = selectFrames(source, shard, options);

  // What is written while a frame is segmented; with a quantile, the rest follows when all are.
  const byShare = rule.quantile !== null;
  const names = [
    byShare ? 'pending' : 'labels',
    ...save.filter((kind) => kind === 'confidence' || !byShare),
    ...(source.kind === 'video' ? ['frames'] : []),
  ];
  const kinds = names.map((folder) => ({ folder, extension }));
  // With a quantile, these follow.
  const decidedNames = byShare ? ['labels', ...save.filter((kind) => kind === 'color')] : [];
  const decidedKinds = decidedNames.map((folder) => ({ folder, extension }));
  await checkApart(source, foldersOf(out, [...decidedNames, ...names]));
  const tally = createTally();
  const views = { tile: options.tile, scales: options.scales, flip: options.flip };
  const pool = await createPool(model, { ...views, confidence: true }, selection.count);
  const finished = new Map<string, FrameRecord>();
  let records: FrameRecord[] = [];
  let thresholds: (number | null)[] | undefined;
  const report = (complete: boolean, interrupted: boolean): PseudoLabelReport =>
    reportOf(settings, records, {
      ...taken,
      shard,
      complete,
      interrupted,
      failed: tally.failed,
      thresholds,
    });
  let folder: OutputFolder | undefined;
  try {
    folder = await openOutputFolder(out, {
      name: 'pseudo-label',
      work: lockedWork,
      shard,
      settings,
      resume: options.resume,
      overwrite: options.overwrite,
    });
    return await labelInto(folder);
  } finally {
    await pool.release();
    await folder?.close();
  }

  async function labelInto(folder: OutputFolder): Promise<PseudoLabelSummary> {
    const isWhole = shard.count === 1;
    if (options.resume && byShare && isWhole) {
      const done = await earlierResult(folder);
      if (done) return done;
    }
    if (isWhole) await folder.checkFree([listName]);
    const speed = await segmentFrames(folder);
    records.sort((a, b) => a.index - b.index);
    const source = setDigest(records);
    if (byShare && isWhole && !signal?.aborted) {
      const { onDeciding: onProgress } = options;
      const how = { folder, source, share: rule.quantile, classes: model.classes, save, onProgress, signal };
      const decided = await decideByShare(out, records, how);
      if (decided) ({ records, thresholds } = decided);
    }
    const interrupted = signal?.aborted ?? false;
    const result = report(!interrupted && tally.failed.length === 0, interrupted);
    await writeFrameRecords(recordsPath, records, true);
    if (isWhole && result.decided) {
      await folder.write({ unit: listName, source, files: { [listName]: formatTrainingList(records) } });
    }
    let recorded = await folder.record(result);
    if (byShare && isWhole && result.complete) {
      await removePendingFrames(out, folder, records);
      // Without those that are no more.
      recorded = await folder.record(result);
    }
    return { ...recorded, run: { resumed: tally.resumed, ...speed } };
  }

  /** The result of an earlier run that is whole: its frames no longer wait, so nothing else could be made of them. */
  async function earlierResult(folder: OutputFolder): Promise<PseudoLabelSummary | undefined> {
    const { earlier } = folder;
    if (earlier?.complete !== true) return undefined;
    if (Object.entries(taken).some(([name, value]) => earlier[name] !== value)) return undefined;
    const known = await readFrameRecords(recordsPath, classCount);
    const set = setDigest(known);
    const kept = kinds.filter(({ folder: name }) => name !== 'pending');
    for (const { index, stem } of known) {
      const fingerprint = () => source.fingerprint(index);
      const isSegmented = await folder.finished(frameUnit(stem), fingerprint, framePaths(kept, stem));
      if (!isSegmented) return undefined;
      if (!(await folder.finished(decidedUnit(stem), async () => set, framePaths(decidedKinds, stem))))
        return undefined;
    }
    await removePendingFrames(out, folder, known);
    const done = await readPseudoLabelReport(join(out, reportName(shard)));
    const recorded = await folder.record(done);
    tally.resumed = tally.frames = known.length;
    return { ...recorded, run: { resumed: tally.resumed, ...speedOf(tally, { sessions: 0, threads: 0 }) } };
  }

  /** Segments the frames that no earlier run has finished. */
  async function segmentFrames(folder: OutputFolder): Promise<RunSpeed> {
    const there = await takeOver(out, folder, source, selection, kinds);
    await checkFramesFree(out, folder, source, selection, decidedKinds);
    for (const name of names) await ensureFolder(join(out, name));
    if (!options.overwrite) await readFrameRecords(recordsPath);
    if (options.resume && folder.earlier) {
      for (const record of await readFrameRecords(recordsPath, classCount)) {
        const pending = byShare ? { ...record, kept: null } : record;
        const written = there.get(record.stem);
        if (written?.data === digestOf(formatLine(pending))) finished.set(record.stem, pending);
      }
      records = [...finished.values()];
    }
    // First the frames: those of other settings must not lie beside a report of these.
    await writeFrameRecords(recordsPath, records, true);
    await folder.record(report(false, false));
    const digest = source.kind === 'video' ? await source.fingerprint(0) : undefined;
    const writer = await appendFrameRecords(recordsPath);
    try {
      await runFrames(source, selection, pool.sessions + 2, options, tally, {
        isDone: (stem) => finished.has(stem),
        finish: (frame) => finishFrame(folder, frame),
        async take(record) {
          await writer.append(record);
          records.push(record);
        },
      });
    } finally {
      await writer.close();
    }
    if (digest !== undefined) await checkUnchanged(source, digest);
    return speedOf(tally, pool);
  }

  /** Segments one frame and writes what is known of it. */
  async function finishFrame(folder: OutputFolder, { index, stem, image, digest = '' }: Frame): Promise<FrameRecord> {
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
      labels: rendered.labels,
      color: rendered.color,
      confidence: rendered.confidence,
      pending: rendered.pending,
      frames: rendered.frame,
    };
    const record: FrameRecord = {
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
    await folder.write({
      unit: frameUnit(stem),
      source: digest,
      files: Object.fromEntries(kinds.map(({ folder: kind }) => [`${kind}/${stem}${extension}`, contents[kind]])),
      data: digestOf(formatLine(record)),
    });
    tally.times.write += performance.now() - start;
    return record;
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
  return kinds.map((kind) => ({ path: join(out, kind), extension }));
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

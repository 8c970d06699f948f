// One set of pseudo labels of those of all shards, equal to that of an unsharded run.
import { dirname, join, resolve } from 'node:path';
import { SteadysegError, UsageError } from '../../base/errors.js';
import { type OutputFolder, openOutputFolder, type Recorded } from '../../base/outputFolder.js';
import type { OnProgress } from '../../base/progress.js';
import { checkAllShards, wholeWork } from '../../base/shard.js';
import { decideByShare, removePendingFrames, setDigest } from './decide.js';
import { type FrameRecord, formatTrainingList, readFrameRecords, writeFrameRecords } from './frameRecords.js';
import { listName, lockedWork, recordsName } from './pseudoLabel.js';
import { type PseudoLabelReport, type PseudoLabelSettings, readPseudoLabelReport, reportOf } from './report.js';

/** What merging takes. */
export interface MergePseudoLabelsOptions {
  /** How far choosing and writing is, where shards left that; each frame counts twice. */
  readonly onProgress?: OnProgress | undefined;
  /** Replace files in the folder that no run is known to have written. Default: they are refused. */
  readonly overwrite?: boolean | undefined;
}

interface NamedReport {
  readonly name: string;
  readonly report: PseudoLabelReport;
}

/**
 * Merges the shards of one pseudo-labelled input, which share a folder: adds up what was kept, joins the frames in their
 * order, and writes `list.txt`, `frames.jsonl` and `pseudo-label.json` as an unsharded run does. Of a quantile, the
 * thresholds follow from the pixels of all shards, and the label maps are written here.
 *
 * @param paths the shards' `pseudo-label-<i>-of-<n>.json`, in any order.
 * @throws SteadysegError for shards that are missing, doubled, unfinished, of other settings or in other folders.
 */
export async function mergePseudoLabels(
  paths: readonly string[],
  options: MergePseudoLabelsOptions = {},
): Promise<PseudoLabelReport & Recorded> {
  const reports: NamedReport[] = [];
  for (const path of paths) reports.push({ name: path, report: await readPseudoLabelReport(path) });
  checkShards(reports);
  reports.sort((a, b) => a.report.shard.index - b.report.shard.index);
  const out = dirname(resolve(reports[0].name));
  const settings = settingsOf(reports[0].report);
  const folder = await openOutputFolder(out, {
    name: 'pseudo-label',
    work: lockedWork,
    shard: wholeWork,
    settings,
    overwrite: options.overwrite,
    keepOthers: true,
  });
  try {
    return await mergeInto(out, folder, reports, options);
  } finally {
    await folder.close();
  }
}

async function mergeInto(
  out: string,
  folder: OutputFolder,
  reports: readonly NamedReport[],
  { onProgress, overwrite }: MergePseudoLabelsOptions,
): Promise<PseudoLabelReport & Recorded> {
  const { limit, every, from, to, quantile } = reports[0].report;
  const settings = settingsOf(reports[0].report);
  let records: FrameRecord[] = [];
  for (const { name, report } of reports) {
    const file = join(out, recordsName(report.shard));
    const ofShard = await readFrameRecords(file, settings.classes.length);
    if (ofShard.length !== report.frames) {
      throw new SteadysegError(
        `${file}: expected ${report.frames} frames, as ${name} says, found ${ofShard.length}: run that shard again with --resume`,
      );
    }
    records.push(...ofShard);
  }
  records.sort((a, b) => a.index - b.index);

  let thresholds: (number | null)[] | undefined;
  if (quantile !== null) {
    const { classSet: name, classes, palette, save } = settings;
    const classSet = { name, classes, palette, ignoreLabel: 255 };
    const source = setDigest(records);
    const how = { folder, source, share: quantile, classes: classSet, save, onProgress };
    const decided = await decideByShare(out, records, how);
    if (decided) ({ records, thresholds } = decided);
  }
  const failed = reports.flatMap(({ report }) => report.failed);
  const complete = reports.every(({ report }) => report.complete);
  const state = { limit, every, from, to, shard: wholeWork, complete, interrupted: false, failed, thresholds };
  const merged = reportOf(settings, records, state);
  await writeFrameRecords(join(out, recordsName(wholeWork)), records, overwrite);
  await folder.write({
    unit: listName,
    source: setDigest(records),
    files: { [listName]: formatTrainingList(records) },
  });
  await folder.record(merged);
  if (complete) await removePendingFrames(out, folder, records);
  // Without those that are no more.
  return await folder.record(merged);
}

/** The entries that say how labels were made. */
function settingsOf(report: PseudoLabelReport): PseudoLabelSettings {
  return {
    kind: report.kind,
    version: report.version,
    input: report.input,
    raw: report.raw,
    model: report.model,
    modelSha256: report.modelSha256,
    device: report.device,
    classes: report.classes,
    preprocessing: report.preprocessing,
    output: report.output,
    scores: report.scores,
    foregroundThreshold: report.foregroundThreshold,
    size: report.size,
    tile: report.tile,
    scales: report.scales,
    flip: report.flip,
    classSet: report.classSet,
    palette: report.palette,
    threshold: report.threshold,
    quantile: report.quantile,
    save: report.save,
  };
}

function checkShards(reports: readonly NamedReport[]): void {
  if (reports.length === 0) throw new UsageError('merge: expected at least one report, found none');
  const [first] = reports;
  const comparable = (report: PseudoLabelReport) => {
    const { limit, every, from, to, shard } = report;
    return { ...settingsOf(report), device: '', limit, every, from, to, 'number of shards': shard.count };
  };
  const expected = comparable(first.report);
  for (const { name, report } of reports) {
    const found = comparable(report);
    for (const [key, value] of Object.entries(expected)) {
      const other = Object.entries(found).find(([one]) => one === key)?.[1];
      if (JSON.stringify(other) === JSON.stringify(value)) continue;
      throw new SteadysegError(
        `${name}: expected the same ${key} as in ${first.name} (${JSON.stringify(value)}), found ${JSON.stringify(other)}`,
      );
    }
    if (dirname(resolve(name)) !== dirname(resolve(first.name))) {
      throw new SteadysegError(
        `${name}: expected the shards of pseudo labels in one folder, found ${first.name} in another: give all shards the same --out, or copy their files into one folder`,
      );
    }
    if (!report.complete && report.failed.length === 0) {
      throw new SteadysegError(
        `${name}: expected a shard that is finished, found one that was interrupted: run it again with --resume`,
      );
    }
  }
  checkAllShards(reports.map(({ name, report }) => ({ name, shard: report.shard })));
}

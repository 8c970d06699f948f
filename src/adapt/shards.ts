// An adaptation prepared in shards: each process forms the consensus of a stretch of the frames, in a folder of its own beside the output.
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InterruptedError, SteadysegError } from '../base/errors.js';
import { exists } from '../base/files.js';
import { checkAllShards, type Shard } from '../base/shard.js';
import { openFlowSource } from '../flow/open.js';
import { type ClipOptions, prepareClip } from './clip.js';
import { type ClipFiles, closeClipFiles, type FrameRange, openClipFiles, type PreparedClip } from './clipFiles.js';
import { type AdaptOptions, defaultFlow, openAdaptation, settingsOf } from './openAdaptation.js';
import { openPredictor } from './predictor.js';
import { isPrepared, type PreparedRecord, readPrepared, writePrepared } from './preparedRecord.js';
import { method } from './training.js';
import { claimWorkFolder, readSettings } from './workFolder.js';

/** A prepared shard, as it lies in its folder. */
export interface PreparedShard extends PreparedRecord {
  readonly folder: string;
  readonly shard: Shard;
}

/**
 * Forms the consensus of a shard's stretch of the frames, and leaves it beside the output (`OUT.adapt-I-of-N/`) for `adapt`,
 * called with the same options, which takes up the shards when all of them are there.
 * @throws InterruptedError when the signal ended it; what `adapt` throws.
 */
export async function prepareAdaptation(options: AdaptOptions, shard: Shard): Promise<PreparedShard> {
  const { threads, device, views, limit, signal, onProgress } = options;
  const { student, sources, size, total } = await openAdaptation(options);
  const folder = `${options.out}.adapt-${shard.index}-of-${shard.count}`;
  const settings = await settingsOf(options, sources);
  const asked = async () => ({ folder, shard, ...(await readPrepared(folder)) });
  if ((await isPrepared(folder)) && (await readSettings(folder)) === settings) return asked();
  const lock = await claimWorkFolder(folder, settings, options.resume ?? false);
  const closers = [() => lock.release()];
  try {
    const flow = await openFlowSource(options.flow ?? defaultFlow, { threads, cache: false });
    closers.push(() => flow.close());
    const classes = student.classes.count;
    const predictor = await openPredictor(student, student.weights, size, { gives: 'views', views, threads, device });
    closers.push(() => predictor.close());
    const window = stretchOf(shard, total);
    const clip = await prepareClip({
      ...{ sources, classes, flow, signal, limit, window, predictor, threads, ...size },
      ...{ temperature: method.temperature, folder: clipIn(folder) },
      onFrame: (done, stage) => onProgress?.({ stage, done, total }),
    });
    await closeClipFiles(clip.files);
    await writePrepared(folder, clip, window.from);
    return await asked();
  } catch (thrown) {
    // A part of a shard is of no use.
    await rm(folder, { recursive: true, force: true });
    if (!signal?.aborted || thrown instanceof InterruptedError) throw thrown;
    throw new InterruptedError('ended before the shard was prepared; the same command begins it again', {
      cause: thrown,
    });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Consecutive frames, about as many for each shard. The number of a video's frames is an estimate: the last shard has the rest. */
function stretchOf({ index, count }: Shard, total: number): FrameRange {
  const start = (k: number) => Math.floor((k * total) / count);
  return { from: start(index), to: index === count - 1 ? Number.POSITIVE_INFINITY : start(index + 1) };
}

function clipIn(folder: string): string {
  return join(folder, 'clip');
}

/**
 * The shards that were prepared for an output, in order; none where there are none.
 * @throws SteadysegError for shards that are missing, unfinished, or of other inputs or options.
 */
export async function preparedShards(out: string, settings: string): Promise<PreparedShard[]> {
  const prefix = `${basename(out)}.adapt-`;
  const names = (await exists(dirname(out))) ? await readdir(dirname(out)) : [];
  const found = names.flatMap((name) => {
    const match = name.startsWith(prefix) ? /^(\d+)-of-(\d+)$/.exec(name.slice(prefix.length)) : null;
    if (match === null) return [];
    return [{ name: join(dirname(out), name), shard: { index: Number(match[1]), count: Number(match[2]) } }];
  });
  if (found.length === 0) return [];
  const other = found.find(({ shard }) => shard.count !== found[0].shard.count);
  if (other) {
    throw new SteadysegError(
      `expected one preparation in shards, found ${found[0].name} and ${other.name}; remove those of the other`,
    );
  }
  checkAllShards(found);
  const shards: PreparedShard[] = [];
  for (const { name, shard } of found.sort((a, b) => a.shard.index - b.shard.index)) {
    if (!(await isPrepared(name))) {
      throw new SteadysegError(
        `${name}: expected a prepared shard, found an unfinished one; prepare it again (--resume)`,
      );
    }
    if ((await readSettings(name)) !== settings) {
      throw new SteadysegError(
        `${name}: the shard was prepared with other inputs or options; adapt with the same, or remove the folder`,
      );
    }
    shards.push({ folder: name, shard, ...(await readPrepared(name)) });
  }
  return shards;
}

/** The clip of all shards, as `prepareClip` would have made it. @throws SteadysegError where the frames of one do not follow those of the one before. */
export async function joinShards(
  shards: readonly PreparedShard[],
  { height, width, classes, folder, signal, onFrame }: ClipOptions,
): Promise<PreparedClip> {
  const files = await openClipFiles(folder, { height, width }, classes);
  const stems: string[] = [];
  const targetSums = Array<number>(classes).fill(0);
  try {
    for (const shard of shards) {
      if (shard.stems.length > 0 && shard.from !== stems.length) {
        throw new SteadysegError(
          `${shard.folder}: expected frames from number ${stems.length} on, found them from ${shard.from} on`,
        );
      }
      const others = await openClipFiles(clipIn(shard.folder), { height, width }, classes);
      try {
        const withFlow = new Set([...shard.pairs, ...shard.cuts]);
        for (const stem of shard.stems) {
          signal?.throwIfAborted();
          await copyFrame(others, files, stems.length, withFlow);
          stems.push(stem);
          onFrame?.(stems.length, 'frames');
        }
      } finally {
        await closeClipFiles(others);
      }
      for (const [c, sum] of shard.targetSums.entries()) targetSums[c] += sum;
    }
  } catch (thrown) {
    await closeClipFiles(files);
    throw thrown;
  }
  const [pairs, cuts] = [shards.flatMap((shard) => shard.pairs), shards.flatMap((shard) => shard.cuts)];
  return { height, width, classes, count: stems.length, stems, pairs, cuts, targetSums, folder, files };
}

/** Everything that is known of frame t, and of the flow to the next one where there is some. */
async function copyFrame(from: ClipFiles, to: ClipFiles, t: number, withFlow: ReadonlySet<number>): Promise<void> {
  for (const name of ['frames', 'probabilities', 'targets', 'consensus', 'pixelWeights'] as const) {
    await to[name].write(t, await from[name].read(t));
  }
  if (!withFlow.has(t)) return;
  for (const name of ['forward', 'backward', 'hidden'] as const) await to[name].write(t, await from[name].read(t));
}

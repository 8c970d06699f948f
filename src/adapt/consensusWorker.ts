// A worker thread of consensusThreads.ts: forms the consensus of a stretch of the frames.
import type { MessagePort } from 'node:worker_threads';
import { closeClipFiles, openClipFiles } from './clip.js';
import { type ConsensusClip, type ConsensusOptions, type ConsensusTarget, formConsensus } from './clipConsensus.js';
import { openRecords } from './records.js';

/** What a thread is asked for. */
export interface ConsensusTask {
  readonly clip: Omit<ConsensusClip, 'files'>;
  readonly into: ConsensusTarget;
  readonly options: Pick<ConsensusOptions, 'temperature' | 'window' | 'reach'>;
  /** Records in the clip's folder of what is said. */
  readonly said: string;
  /** Told after each frame. */
  readonly done: MessagePort;
}

/** The sums of Q by class. */
export default async function form({ clip, into, options, said, done }: ConsensusTask): Promise<number[]> {
  const { folder, height, width, classes } = clip;
  const files = await openClipFiles(folder, clip, classes);
  const records = await openRecords(folder, said, height * width * classes);
  try {
    return await formConsensus({ ...clip, files }, into, (t) => records.read(t), {
      ...options,
      onFrame: () => done.postMessage(undefined),
    });
  } finally {
    await records.close();
    await closeClipFiles(files);
  }
}

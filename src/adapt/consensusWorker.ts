// A worker thread of consensusThreads.ts: forms the consensus of a stretch of the frames, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { type ConsensusClip, type ConsensusOptions, type ConsensusTarget, formConsensus } from './clipConsensus.js';
import { closeClipFiles, openClipFiles } from './clipFiles.js';
import { openRecords } from './records.js';

/** What a thread is asked for. */
export interface ConsensusTask {
  readonly clip: Omit<ConsensusClip, 'files'>;
  readonly into: ConsensusTarget;
  readonly options: Pick<ConsensusOptions, 'temperature' | 'window' | 'reach'>;
  /** Records in the clip's folder of what is said. */
  readonly saidIn: string;
  /** Not 0 when it is to end: a thread that is ended from outside while it starts takes the process along (Node 20). */
  readonly stop: Int32Array;
}

/** What it tells: that a frame is formed; at last the sums of Q by class. */
export type ConsensusNews = 'formed' | number[];

const { clip, into, options, saidIn, stop }: ConsensusTask = workerData;
const { folder, height, width, classes } = clip;
const files = await openClipFiles(folder, clip, classes);
const said = await openRecords(folder, saidIn, height * width * classes);
const stopping = new AbortController();
const tell = (news: ConsensusNews) => parentPort?.postMessage(news);
try {
  const sums = await formConsensus({ ...clip, files }, into, (t) => said.read(t), {
    ...options,
    signal: stopping.signal,
    onFrame() {
      tell('formed');
      if (Atomics.load(stop, 0) !== 0) stopping.abort();
    },
  });
  tell(sums);
} finally {
  await said.close();
  await closeClipFiles(files);
}

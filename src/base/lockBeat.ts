// A worker thread of lock.ts: touches the lock while its process runs, also while that computes.
import { readFileSync, utimesSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { path, text, milliseconds }: { path: string; text: string; milliseconds: number } = workerData;

const beat = setInterval(() => {
  try {
    if (readFileSync(path, 'utf8') !== text) return clearInterval(beat);
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The next beat may come through.
  }
}, milliseconds);

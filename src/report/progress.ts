// How far long work is, on the terminal: one line redrawn in place, or a plain line every few seconds elsewhere.
import { printable } from '../base/printable.js';
import type { OnProgress } from '../base/progress.js';

/** Where lines go; `process.stderr` is one. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface ProgressLineOptions {
  /** What is done, such as `predict`. */
  readonly title: string;
  /** What is counted, in the plural; default `frames`. */
  readonly unit?: string | undefined;
  readonly stream?: ProgressStream | undefined;
  /** The time in milliseconds; a test gives its own. */
  readonly now?: (() => number) | undefined;
}

export interface ProgressLine {
  readonly update: OnProgress;
  /** Goes on with a part of the work that counts something else, from 0. */
  restart(unit: string): void;
  /** Prints a line of its own above the progress. */
  note(text: string): void;
  /** Leaves the last state as a finished line. */
  done(): void;
}

/** A terminal line is redrawn at most this often, in milliseconds. */
const redrawInterval = 100;
/** Elsewhere, as in a log file, a line is added this often. */
const logInterval = 5000;
/** The rate is that of the last few seconds, so that it follows a machine that becomes slower. */
const rateWindow = 10_000;

/** Reports progress with rate and remaining time: `predict  57/221 frames  2.31 frames/s  1:11 left`. */
export function createProgressLine(options: ProgressLineOptions): ProgressLine {
  const { title, stream = process.stderr, now = () => performance.now() } = options;
  const terminal = stream.isTTY ?? false;
  const interval = terminal ? redrawInterval : logInterval;
  let { unit = 'frames' } = options;
  let samples: { time: number; done: number }[] = [{ time: now(), done: 0 }];
  let printed = Number.NEGATIVE_INFINITY;
  let line: string | undefined;
  let shown = false;

  const clear = () => {
    if (terminal && shown) stream.write('\r\x1b[2K');
    shown = false;
  };
  const show = () => {
    if (line === undefined) return;
    clear();
    stream.write(terminal ? line.slice(0, Math.max(20, (stream.columns ?? 80) - 1)) : `${line}\n`);
    shown = true;
  };
  return {
    update({ done, total }) {
      const time = now();
      // Who counts anew has begun another part of the work, nobody knows when: its rate is that after its first report.
      if (done < (samples.at(-1)?.done ?? 0)) samples = [];
      samples.push({ time, done });
      while (samples.length > 2 && time - samples[0].time > rateWindow) samples.shift();
      const [oldest] = samples;
      const rate = time > oldest.time ? (1000 * (done - oldest.done)) / (time - oldest.time) : 0;
      const count = total === undefined ? `${done}` : `${done}/${total}`;
      const speed = samples.length > 1 ? `  ${rate.toPrecision(3)} ${unit}/s` : '';
      const left = total === undefined || rate === 0 ? '' : `  ${formatDuration((total - done) / rate)} left`;
      line = `${title}  ${count} ${unit}${speed}${left}`;
      if (time - printed < interval) return;
      printed = time;
      show();
    },
    restart(next) {
      if (line !== undefined) {
        show();
        if (terminal) stream.write('\n');
      }
      unit = next;
      samples = [];
      line = undefined;
      shown = false;
    },
    note(text) {
      clear();
      stream.write(`${printable(text)}\n`);
      if (terminal) show();
    },
    done() {
      if (terminal) {
        show();
        if (shown) stream.write('\n');
      }
      shown = false;
    },
  };
}

/** Seconds as `m:ss` or `h:mm:ss`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

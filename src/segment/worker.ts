// A worker thread of pool.ts: one session that segments frame after frame and draws what is to be saved.
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { messageOf, SteadysegError, UsageError } from '../base/errors.js';
import type { ClassSet } from '../media/classes.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { createSession, type SessionOptions } from '../runtime/session.js';
import { type OpenNetwork, openNetwork, type SessionCut } from './model.js';
import type { NetworkDescription } from './network.js';
import { UnusableFrameError } from './networkResult.js';
import { type Balance, emptyBalance, keepSure } from './pseudoLabels/keep.js';
import { createRenderer, type DrawingStyle, type Rendered, type RenderRequest } from './render.js';
import { type SegmentOptions, type SegmentTimes, segmentFrame } from './segment.js';

/** What a worker is started with. */
export interface WorkerSetup {
  readonly content: string | Uint8Array;
  readonly description: NetworkDescription;
  readonly cut: SessionCut;
  readonly sessionOptions: SessionOptions;
  readonly segmentOptions: SegmentOptions;
  readonly classes: ClassSet;
  readonly style: DrawingStyle;
}

/** One frame. */
export interface FrameTask {
  readonly image: RgbImage;
  /** Labels from an earlier run: only drawing is left. */
  readonly labels?: LabelMap | undefined;
  /** Labels of a lower probability become 255. The network is opened with `confidence`. */
  readonly threshold?: number | undefined;
  readonly render: RenderRequest;
}

export interface FrameResult {
  readonly image: RgbImage;
  readonly labels: LabelMap;
  readonly confidence?: Float32Array | undefined;
  /** Pixels of each class before and after the threshold; empty without one. */
  readonly balance: Balance;
  readonly rendered: Rendered;
  readonly times: SegmentTimes & { readonly render: number };
}

const { content, description, cut, sessionOptions, segmentOptions, classes, style } = workerData as WorkerSetup;
const render = createRenderer(classes, style);
// All workers compile at once, not each when its first frame comes; a failure is reported by the task that waits for it.
const opening = openNetwork(content, description, cut, sessionOptions, createSession);
opening.catch(() => {});

/** Does a task; an empty one only waits for the network. Errors a user can act on come back as values: their class does not survive the way. */
export default async function work(task: FrameTask | undefined): Promise<unknown> {
  try {
    const network = await opening;
    if (!task) return {};
    const result = await frameResult(network, task);
    const buffers = new Set<ArrayBufferLike>([result.image.data.buffer, result.labels.data.buffer]);
    if (result.confidence) buffers.add(result.confidence.buffer);
    if (result.rendered.overlay) buffers.add(result.rendered.overlay.data.buffer);
    return move({ [transferableSymbol]: [...buffers], [valueSymbol]: result } as never);
  } catch (thrown) {
    if (!(thrown instanceof SteadysegError)) throw thrown;
    return failureOf(thrown);
  }
}

/** What kind of error ended a task. */
export interface TaskFailure {
  readonly error: string;
  /** `frame`: others may still be segmented. */
  readonly kind: 'usage' | 'frame' | 'other';
}

function failureOf(thrown: SteadysegError): TaskFailure {
  const kind = thrown instanceof UsageError ? 'usage' : thrown instanceof UnusableFrameError ? 'frame' : 'other';
  return { error: messageOf(thrown), kind };
}

async function frameResult(open: OpenNetwork, task: FrameTask): Promise<FrameResult> {
  const { image, labels, threshold, render: request } = task;
  const segmentation = labels
    ? { labels, times: { prepare: 0, inference: 0, labels: 0 } }
    : await segmentFrame(open, image, segmentOptions);
  const start = performance.now();
  const { confidence } = segmentation;
  const balance =
    threshold === undefined || !confidence
      ? emptyBalance(0)
      : keepSure(segmentation.labels.data, confidence, threshold, classes.classes.length);
  const rendered = await render(image, segmentation, request);
  const times = { ...segmentation.times, render: performance.now() - start };
  return { image, ...segmentation, balance, rendered, times };
}

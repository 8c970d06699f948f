// A worker thread of farneback.ts: computes one flow field after another with an OpenCV of its own.
import { move } from 'piscina';
import { SteadysegError } from '../base/errors.js';
import type { RgbImage } from '../media/image.js';
import { loadOpenCv, type Mat, openCvMessage } from './opencv.js';

/** What the thread is asked for: both frames in RGB, of one size, and OpenCV's parameters. */
export interface FarnebackTask {
  readonly from: RgbImage;
  readonly to: RgbImage;
  readonly pyramidScale: number;
  readonly levels: number;
  readonly windowSize: number;
  readonly iterations: number;
  readonly polyN: number;
  readonly polySigma: number;
  readonly gaussianWindow: boolean;
}

/** The flow as (u, v) pairs in rows. */
export default async function farneback(task: FarnebackTask): Promise<Float32Array> {
  const { cv } = await loadOpenCv();
  const mats: Mat[] = [];
  const keep = (mat: Mat) => {
    mats.push(mat);
    return mat;
  };
  const grey = ({ width, height, data }: RgbImage) => {
    const colour = keep(new cv.Mat(height, width, cv.CV_8UC3));
    colour.data.set(data);
    const target = keep(new cv.Mat());
    cv.cvtColor(colour, target, cv.COLOR_RGB2GRAY);
    return target;
  };
  try {
    const flow = keep(new cv.Mat());
    cv.calcOpticalFlowFarneback(
      grey(task.from),
      grey(task.to),
      flow,
      task.pyramidScale,
      task.levels,
      task.windowSize,
      task.iterations,
      task.polyN,
      task.polySigma,
      task.gaussianWindow ? cv.OPTFLOW_FARNEBACK_GAUSSIAN : 0,
    );
    const result = flow.data32F.slice();
    return move(result) as Float32Array;
  } catch (thrown) {
    throw new SteadysegError(openCvMessage(cv, thrown));
  } finally {
    for (const mat of mats) mat.delete();
  }
}

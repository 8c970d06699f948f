// A worker thread of farneback.ts: computes one flow field after another with an OpenCV of its own.
import { move } from 'piscina';
import { SteadysegError } from '../base/errors.js';
import type { RgbImage } from '../media/image.js';
import type { FarnebackSettings } from './farneback.js';
import { loadOpenCv, type Mat, openCvMessage } from './opencv.js';
import type { FlowTask } from './threads.js';

/** The flow as (u, v) pairs in rows. */
export default async function farneback({ from, to, settings }: FlowTask<FarnebackSettings>): Promise<Float32Array> {
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
      grey(from),
      grey(to),
      flow,
      settings.pyramidScale,
      settings.levels,
      settings.windowSize,
      settings.iterations,
      settings.polyN,
      settings.polySigma,
      settings.gaussianWindow ? cv.OPTFLOW_FARNEBACK_GAUSSIAN : 0,
    );
    const result = flow.data32F.slice();
    return move(result) as Float32Array;
  } catch (thrown) {
    const message = openCvMessage(cv, thrown);
    throw new SteadysegError(
      /Insufficient memory/.test(message)
        ? `frames of ${from.width}×${from.height} need more memory than OpenCV has in WebAssembly; use smaller frames or flow from files`
        : `OpenCV failed: ${message}`,
    );
  } finally {
    for (const mat of mats) mat.delete();
  }
}

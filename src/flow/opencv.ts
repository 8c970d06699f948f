// The part of WebAssembly OpenCV that is used here: loading it, its matrices and its errors.
import { createRequire } from 'node:module';

/** A matrix in WebAssembly memory; it is not garbage collected, so `delete()` must be called. */
export interface Mat {
  readonly rows: number;
  readonly cols: number;
  readonly data: Uint8Array;
  readonly data32F: Float32Array;
  delete(): void;
}

/** The functions and constants used here, typed by hand: the package's own declarations lag behind its build. */
export interface OpenCv {
  readonly Mat: { new (): Mat; new (rows: number, columns: number, type: number): Mat };
  readonly CV_8UC3: number;
  readonly COLOR_RGB2GRAY: number;
  readonly OPTFLOW_FARNEBACK_GAUSSIAN: number;
  cvtColor(source: Mat, target: Mat, code: number): void;
  calcOpticalFlowFarneback(
    from: Mat,
    to: Mat,
    flow: Mat,
    pyramidScale: number,
    levels: number,
    windowSize: number,
    iterations: number,
    polyN: number,
    polySigma: number,
    flags: number,
  ): void;
  exceptionFromPtr(pointer: number): { msg: string };
}

let loading: Promise<{ cv: OpenCv }> | undefined;

/** OpenCV, ready to be called; loaded once (about a quarter of a second). In an object, since the module looks like a promise and must not be awaited. */
export function loadOpenCv(): Promise<{ cv: OpenCv }> {
  loading ??= new Promise((resolve) => {
    const cv: OpenCv & { onRuntimeInitialized?: () => void } = createRequire(import.meta.url)('@techstark/opencv-js');
    const ready: OpenCv['Mat'] | undefined = cv.Mat;
    if (ready) resolve({ cv });
    else cv.onRuntimeInitialized = () => resolve({ cv });
  });
  return loading;
}

/** The message of what OpenCV threw: C++ exceptions arrive as pointers. */
export function openCvMessage(cv: OpenCv, thrown: unknown): string {
  if (typeof thrown !== 'number') return thrown instanceof Error ? thrown.message : String(thrown);
  return cv.exceptionFromPtr(thrown).msg;
}

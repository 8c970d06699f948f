// In-memory pictures: colour frames, label maps and optical flow.

/** Interleaved 8-bit RGB; `data.length` is `width·height·3`. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** One train id (0..254, or the ignore label) a pixel; `data.length` is `width·height`. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Optical flow in pixels, interleaved (u right, v down): the point at (x, y) is at (x+u, y+v) in the other frame. `data.length` is `width·height·2`. */
export interface OpticalFlow {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** The label of pixels that do not count. */
export const ignoreLabel = 255;

// What is saved of a segmented frame, drawn and encoded.
import sharp from 'sharp';
import type { ClassSet } from '../media/classes.js';
import { overlay } from '../media/color.js';
import { encodeColorMap } from '../media/colorMap.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { encodeLabelMap } from '../media/labels.js';
import { createLegend, type Legend } from '../media/legend.js';
import { encodePicture } from '../media/pictures.js';
import { encodePendingFrame } from './pseudoLabels/pendingFrame.js';

/** Which pictures are wanted of a frame. */
export interface RenderRequest {
  readonly labels?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly confidence?: boolean | undefined;
  /** `frame`: pixels, for a video; `jpeg`: a file. */
  readonly overlay?: 'frame' | 'jpeg' | undefined;
  /** The frame itself, as a PNG. */
  readonly frame?: boolean | undefined;
  /** Labels and how unsure they are (pseudoLabels/pendingFrame.ts). */
  readonly pending?: boolean | undefined;
}

/** Files as bytes, the overlay of a video as pixels. */
export interface Rendered {
  readonly labels?: Uint8Array | undefined;
  readonly color?: Uint8Array | undefined;
  readonly confidence?: Uint8Array | undefined;
  readonly overlayFile?: Uint8Array | undefined;
  readonly overlay?: RgbImage | undefined;
  readonly frame?: Uint8Array | undefined;
  readonly pending?: Uint8Array | undefined;
}

/** Draws frames in the colours of one class set. */
export type Renderer = (
  image: RgbImage,
  segmentation: { readonly labels: LabelMap; readonly confidence?: Float32Array | undefined },
  request: RenderRequest,
) => Promise<Rendered>;

/** A renderer; it lays out the legend once for each size of frame that follows another. */
export function createRenderer(classes: ClassSet): Renderer {
  let legend: { readonly width: number; readonly height: number; readonly drawn: Legend | undefined } | undefined;
  return (image, segmentation, request) => {
    const { width, height } = image;
    if (request.overlay && (legend?.width !== width || legend.height !== height)) {
      legend = { width, height, drawn: createLegend(classes, image) };
    }
    return render(image, segmentation, classes, request, legend?.drawn);
  };
}

async function render(
  image: RgbImage,
  { labels, confidence }: { readonly labels: LabelMap; readonly confidence?: Float32Array | undefined },
  classes: ClassSet,
  request: RenderRequest,
  legend: Legend | undefined,
): Promise<Rendered> {
  const blended = request.overlay && overlay(image, labels, classes, { legend });
  const [labelFile, colorFile, confidenceFile, overlayFile, frame, pending] = await Promise.all([
    request.labels ? encodeLabelMap(labels) : undefined,
    request.color ? encodeColorMap(labels, classes) : undefined,
    request.confidence && confidence ? encodeConfidence(labels, confidence) : undefined,
    request.overlay === 'jpeg' && blended ? encodePicture(blended, 'jpeg') : undefined,
    request.frame ? encodePicture(image, 'png') : undefined,
    request.pending && confidence ? encodePendingFrame(labels, confidence) : undefined,
  ]);
  return {
    labels: labelFile,
    color: colorFile,
    confidence: confidenceFile,
    overlayFile,
    overlay: request.overlay === 'frame' ? blended : undefined,
    frame,
    pending,
  };
}

/** Probabilities as an 8-bit greyscale PNG: 255 is 1. */
async function encodeConfidence({ width, height }: LabelMap, confidence: Float32Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(confidence.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = confidence[i] * 255 + 0.5;
  return await sharp(bytes, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png({ compressionLevel: 1 })
    .toBuffer();
}

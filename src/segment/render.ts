// What is saved of a segmented frame, drawn and encoded.
import sharp from 'sharp';
import type { ClassSet } from '../media/classes.js';
import { classFolders, encodeCutout, encodeMask } from '../media/classFiles.js';
import { overlay } from '../media/color.js';
import { encodeColorMap } from '../media/colorMap.js';
import { ignoreLabel, type LabelMap, type RgbImage } from '../media/image.js';
import { encodeLabelMap } from '../media/labels.js';
import { createLegend, type Legend, type LegendPlace } from '../media/legend.js';
import { encodePicture } from '../media/pictures.js';
import { encodePendingFrame } from './pseudoLabels/pendingFrame.js';

/** How pictures are drawn. */
export interface DrawingStyle {
  /** Share of the class colour in overlays, 0..1. Default 0.5. */
  readonly opacity?: number | undefined;
  /** Where the legend of an overlay goes. Default `inside`. */
  readonly legend?: LegendPlace | undefined;
  /** Ids of the classes that colour maps, overlays, masks and cut-outs show. Default: all. */
  readonly shown?: readonly number[] | undefined;
}

/** Which pictures are wanted of a frame. */
export interface RenderRequest {
  readonly labels?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly confidence?: boolean | undefined;
  /** `frame`: pixels, for a video; `jpeg`: a file. */
  readonly overlay?: 'frame' | 'jpeg' | undefined;
  /** A picture for each class that is shown: where it is, and what is there. */
  readonly masks?: boolean | undefined;
  readonly cutout?: boolean | undefined;
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
  /** By the name of the class' folder. */
  readonly masks?: ReadonlyMap<string, Uint8Array> | undefined;
  readonly cutout?: ReadonlyMap<string, Uint8Array> | undefined;
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
export function createRenderer(classes: ClassSet, style: DrawingStyle = {}): Renderer {
  const { opacity, legend: place = 'inside', shown } = style;
  const ids = shown ?? classes.classes.map((_, id) => id);
  const folders = classFolders(classes);
  const named = {
    ...classes,
    classes: ids.map((id) => classes.classes[id]),
    palette: ids.map((id) => classes.palette[id]),
  };
  let legend: { readonly width: number; readonly height: number; readonly drawn: Legend | undefined } | undefined;
  return async (image, segmentation, request) => {
    const { width, height } = image;
    if (request.overlay && (legend?.width !== width || legend.height !== height)) {
      legend = { width, height, drawn: place === 'off' ? undefined : createLegend(named, image, place) };
    }
    const { labels } = segmentation;
    const drawn = shown ? onlyShown(labels, shown) : labels;
    const ofClasses = async (encode: (id: number) => Promise<Uint8Array>) =>
      new Map(await Promise.all(ids.map(async (id) => [folders[id], await encode(id)] as const)));
    const [files, masks, cutout] = await Promise.all([
      render(image, { ...segmentation, drawn }, classes, request, { opacity, legend: legend?.drawn }),
      request.masks ? ofClasses((id) => encodeMask(labels, id)) : undefined,
      request.cutout ? ofClasses((id) => encodeCutout(image, labels, id)) : undefined,
    ]);
    return { ...files, masks, cutout };
  };
}

/** The labels with those of other classes taken off. */
function onlyShown({ width, height, data }: LabelMap, shown: readonly number[]): LabelMap {
  const table = new Uint8Array(256).fill(ignoreLabel);
  for (const id of shown) table[id] = id;
  return { width, height, data: data.map((id) => table[id]) };
}

async function render(
  image: RgbImage,
  {
    labels,
    drawn,
    confidence,
  }: { readonly labels: LabelMap; readonly drawn: LabelMap; readonly confidence?: Float32Array | undefined },
  classes: ClassSet,
  request: RenderRequest,
  style: { readonly opacity: number | undefined; readonly legend: Legend | undefined },
): Promise<Omit<Rendered, 'masks' | 'cutout'>> {
  const blended = request.overlay && overlay(image, drawn, classes, style);
  const [labelFile, colorFile, confidenceFile, overlayFile, frame, pending] = await Promise.all([
    request.labels ? encodeLabelMap(labels) : undefined,
    request.color ? encodeColorMap(drawn, classes) : undefined,
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

// The public API for browsers: nothing of Node is reachable from here. It needs the package onnxruntime-web beside it.

export type { AdaptProgress } from './adapt/adaptClip.js';
export type { AdaptEstimate, AdaptStage } from './adapt/estimate.js';
export type { Judgement } from './adapt/judge.js';
export { adapt, type WebAdaptation, type WebAdaptOptions } from './adapt/webAdapt.js';
export { SteadysegError, UsageError } from './base/errors.js';
export {
  denseInverseSearch,
  type InverseSearchPreset,
  inverseSearchPresets,
} from './flow/dis/denseInverseSearch.js';
export { type ClassSet, presetClasses, presetNames, type Rgb } from './media/classes.js';
export { colorize, type OverlayOptions, overlay } from './media/color.js';
export type { Flicker } from './media/flicker.js';
export { flickerScale, paintFlicker } from './media/flickerMap.js';
export type { LabelMap, OpticalFlow, RgbImage, Size } from './media/image.js';
export { createLegend, type Legend } from './media/legend.js';
export { addCounts, type ClassCounts } from './metrics/classCounts.js';
export { type MeanIoU, type MeanIoUConvention, meanIoU, meanIoUCounts } from './metrics/meanIoU.js';
export type { Steadiness } from './metrics/steadiness.js';
export { createSteadinessMeter, type SteadinessMeter } from './metrics/steadinessMeter.js';
export type { WebEngineOptions } from './runtime/webEngine.js';
export { configureWebEngine } from './runtime/webSession.js';
export type { LoadOptions, SegmentationModel } from './segment/model.js';
export type { NetworkDescription, NetworkInput, NetworkOutput } from './segment/network.js';
export type { Preprocessing, PreprocessingOptions } from './segment/preprocessing.js';
export type { Segmentation, SegmentOptions, SegmentTimes } from './segment/segment.js';
export type { ViewOptions } from './segment/views.js';
export { type CanvasPixels, canvasOfImage, imageOfCanvas, loadModel } from './segment/webModel.js';

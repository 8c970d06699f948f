// steadyseg/media: frames of videos and pictures, label maps, classes and their colours, overlays and comparisons, optical flow.

export { type LabelIds, readLabels, readTrainIds } from './data/labelFiles.js';
export { type CachedFlowSource, cachedFlow, defaultFlowCacheFolder, type FlowCacheOptions } from './flow/cache.js';
export { chainFlow } from './flow/chain.js';
export { firstStems } from './flow/clipIndex.js';
export { type ComputedFlow, type ComputeFlowOptions, computeFlow } from './flow/compute.js';
export {
  denseInverseSearch,
  type InverseSearchPreset,
  type InverseSearchSettings,
  inverseSearchPresets,
} from './flow/dis/denseInverseSearch.js';
export { type FarnebackOptions, type FarnebackSettings, farnebackFlow } from './flow/farneback.js';
export { folderFlow } from './flow/folder.js';
export { type InverseSearchOptions, inverseSearchFlow } from './flow/inverseSearch.js';
export { type NetworkFlowOptions, networkFlow, type ValueRange } from './flow/network.js';
export { isFlowMethod, type OpenFlowOptions, openFlowSource } from './flow/open.js';
export { framePairs, type IndexedPair, type PairsOptions, pairCount } from './flow/pairs.js';
export { flowPath } from './flow/path.js';
export { flowPlanes } from './flow/planes.js';
export { type FlowDirection, type FlowFrame, type FlowSource, type FramePair, flowFrame } from './flow/source.js';
export { type AnimationOptions, writeAnimation } from './media/animation.js';
export { type ClassSet, presetClasses, presetNames, type Rgb } from './media/classes.js';
export { readClassesFile } from './media/classesFile.js';
export { classFolders, encodeCutout, encodeMask } from './media/classFiles.js';
export { colorize, type OverlayOptions, overlay } from './media/color.js';
export { encodeColorMap, writeColorMap } from './media/colorMap.js';
export { type CompareOptions, type Comparison, compare } from './media/compare.js';
export { createFlickerCounter, type Flicker, type FlickerCounter } from './media/flicker.js';
export { drawFlicker } from './media/flickerMap.js';
export { readFlo, writeFlo } from './media/flo.js';
export { flowColors } from './media/flowColor.js';
export { isUnknownFlow, UNKNOWN_FLOW } from './media/flowValues.js';
export { type Clip, type Frame, type FrameSource, type FramesOptions, openFrames } from './media/frames.js';
export type { LabelMap, OpticalFlow, RgbImage, Size } from './media/image.js';
export { readKittiFlow, writeKittiFlow } from './media/kitti.js';
export { decodeLabelMap, encodeLabelMap, readLabelMap, writeLabelMap } from './media/labels.js';
export { createLegend, type Legend, type LegendPlace, withLegend } from './media/legend.js';
export { encodePicture, readPicture, writePicture } from './media/pictures.js';
export type { RawVideo } from './media/rawVideo.js';
export type { FrameRate, OnBadFrame, VideoOptions } from './media/video.js';
export { createVideoWriter, type VideoWriter, type VideoWriterOptions } from './media/videoWriter.js';

// The public API for Node.

export {
  type ClipFrame,
  type ClipOptions,
  type ClipRenderer,
  createClipRenderer,
  renderClip,
} from './data/toycity/render.js';
export {
  type ToyCityManifest,
  type ToyCityOptions,
  type ToyCityResult,
  toyCityClipSeed,
  writeToyCity,
} from './data/toycity/write.js';
export { buildModel, type ModelOptions, resizeModel } from './nets/model.js';
export { architectures } from './nets/registry.js';
export { type Cost, countCost } from './onnx/flops.js';
export { imageShapes, type ModelSummary, summarizeModel } from './onnx/summary.js';
export { type LoadOptions, loadModel, type NetworkDescription, type SegmentationModel } from './segment/model.js';
export type { Segmentation, SegmentOptions, SegmentTimes } from './segment/segment.js';
export { loadBackbone, renameBackbone } from './weights/backbone.js';
export { openWeights, readStateDict, type StateDict } from './weights/openWeights.js';
export { type Checkpoint, openCheckpoint } from './weights/pth.js';
export { openSafetensors, readSafetensors, type Safetensors, writeSafetensors } from './weights/safetensors.js';
export { describeMatch, loadStateDict, matchStateDict, type StateDictMatch } from './weights/stateDict.js';
export { summarizeWeights, type WeightsSummary } from './weights/summary.js';
export type { TensorInfo, WeightsFile } from './weights/weightsFile.js';

// The public API for Node.

export { InterruptedError, SteadysegError, UsageError } from './base/errors.js';
export type { OnProgress, Progress } from './base/progress.js';
export { parseShard, resolveShard, type Shard, type ShardRequest } from './base/shard.js';
export { type Augmentation, noAugmentation, publishedAugmentation } from './data/augmentation.js';
export type { Dataset, FlowReference, FrameReference, LabelReference, Sample } from './data/dataset.js';
export { type DatasetOptions, datasetLayouts, extractVideo, openDataset, picturesDataset } from './data/datasets.js';
export type { EvaluationOptions } from './data/evaluation/common.js';
export { evaluateMeanIoU, type MeanIoUOptions } from './data/evaluation/meanIoU.js';
export {
  evaluateTemporalConsistency,
  type KeptPair,
  type TemporalConsistencyOptions,
} from './data/evaluation/temporal.js';
export { evaluateVideoConsistency, type VideoConsistencyOptions } from './data/evaluation/video.js';
export { type LabelIds, readLabels, readTrainIds } from './data/labelFiles.js';
export {
  type Batch,
  createLoader,
  type Loader,
  type LoaderOptions,
  type NeighbourBatch,
  type Position,
} from './data/loader.js';
export { type RenderedToyCityOptions, renderedToyCityDataset } from './data/toycity.js';
export { type DemoOptions, type DemoStage, runDemo } from './demo/demo.js';
export type { ClipFigures, Figures, Measurement } from './demo/measure.js';
export type { DemoResult } from './demo/result.js';
export { type CachedFlowSource, cachedFlow, defaultFlowCacheFolder, type FlowCacheOptions } from './flow/cache.js';
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
export { firstStems, framePairs, type IndexedPair, type PairsOptions, pairCount } from './flow/pairs.js';
export { flowPath } from './flow/path.js';
export { flowPlanes } from './flow/planes.js';
export { type FlowDirection, type FlowFrame, type FlowSource, type FramePair, flowFrame } from './flow/source.js';
export { type AnimationOptions, writeAnimation } from './media/animation.js';
export { type ClassSet, presetClasses, presetNames, type Rgb } from './media/classes.js';
export { readClassesFile } from './media/classesFile.js';
export { colorize, type OverlayOptions, overlay } from './media/color.js';
export { encodeColorMap, writeColorMap } from './media/colorMap.js';
export { type CompareOptions, type Comparison, compare } from './media/compare.js';
export { createFlickerCounter, type Flicker, type FlickerCounter } from './media/flicker.js';
export { drawFlicker } from './media/flickerMap.js';
export { isUnknownFlow, readFlo, UNKNOWN_FLOW, writeFlo } from './media/flo.js';
export { flowColors } from './media/flowColor.js';
export { type Clip, type Frame, type FrameSource, type FramesOptions, openFrames } from './media/frames.js';
export type { LabelMap, OpticalFlow, RgbImage, Size } from './media/image.js';
export { readKittiFlow, writeKittiFlow } from './media/kitti.js';
export { decodeLabelMap, encodeLabelMap, readLabelMap, writeLabelMap } from './media/labels.js';
export { createLegend, type Legend } from './media/legend.js';
export { readPicture, writePicture } from './media/pictures.js';
export type { FrameRate, OnBadFrame } from './media/video.js';
export { createVideoWriter, type VideoWriter, type VideoWriterOptions } from './media/videoWriter.js';
export { addCounts, type ClassCounts } from './metrics/classCounts.js';
export { type MeanIoU, type MeanIoUConvention, meanIoU, meanIoUCounts } from './metrics/meanIoU.js';
export { mergeResults, type NamedResult } from './metrics/merge.js';
export {
  type EvaluationResult,
  type MeanIoUResult,
  readResult,
  type TemporalConsistencyResult,
  type VideoConsistencyResult,
} from './metrics/result.js';
export {
  type TemporalConsistency,
  temporalConsistency,
  temporalConsistencyCounts,
} from './metrics/temporalConsistency.js';
export {
  createWindowCounter,
  type VideoConvention,
  videoConsistency,
  type WindowCount,
} from './metrics/videoConsistency.js';
export { type TemporalMode, warpLabels } from './metrics/warp.js';
export { type ConvertOptions, type ConvertReport, convert } from './nets/convert.js';
export { buildModel, type ModelOptions, resizeModel } from './nets/model.js';
export { weightsOfModel } from './nets/networkWeights.js';
export { architectureNames } from './nets/registry.js';
export { fromStorage, toStorage, type WeightStorage } from './onnx/compactStorage.js';
export type { Cost } from './onnx/flops.js';
export { describeModel, type ModelDescription, readDescription } from './onnx/metadata.js';
export type { Model } from './onnx/model.js';
export { readModelFile, writeModelFile } from './onnx/modelFile.js';
export { imageShapes, type ModelSummary, summarizeModel } from './onnx/summary.js';
export { type PairMaps, pairPictures } from './report/overlays.js';
export { type Report, renderReport, type Section, writeReport } from './report/report.js';
export { type ResultReportOptions, resultReport } from './report/resultReport.js';
export { renderResult } from './report/resultTable.js';
export { createSession, type Session, type SessionOptions, supportedDevices } from './runtime/session.js';
export { describeNetwork } from './segment/describeNetwork.js';
export { findNetwork } from './segment/findNetwork.js';
export { loadModel } from './segment/loadModel.js';
export type { LoadOptions, SegmentationModel } from './segment/model.js';
export type {
  DescribeOptions,
  FoundNetwork,
  NetworkDescription,
  NetworkInput,
  NetworkOutput,
} from './segment/network.js';
export { type OutputKind, type PredictOptions, type PredictSummary, predict } from './segment/predict.js';
export type { Preprocessing, PreprocessingOptions } from './segment/preprocessing.js';
export { type MergePseudoLabelsOptions, mergePseudoLabels } from './segment/pseudoLabels/merge.js';
export { type PseudoLabelOptions, type PseudoLabelSummary, pseudoLabel } from './segment/pseudoLabels/pseudoLabel.js';
export { type PseudoLabelReport, readPseudoLabelReport } from './segment/pseudoLabels/report.js';
export type { FrameFailure, FrameRunOptions, RunSpeed } from './segment/runFrames.js';
export type { Segmentation, SegmentOptions, SegmentTimes } from './segment/segment.js';
export { defaultModel, type ShippedModel, shippedModelPath, shippedModels } from './segment/shipped.js';
export { type SegmentedFrame, type SegmentVideoOptions, segmentVideo } from './segment/video.js';
export type { ViewOptions } from './segment/views.js';
export type { DType, Tensor } from './tensor/tensor.js';
export {
  type ClipFrame,
  type ClipOptions,
  type ClipRenderer,
  createClipRenderer,
  renderClip,
} from './toycity/render.js';
export {
  type ToyCityManifest,
  type ToyCityOptions,
  type ToyCityResult,
  toyCityClipSeed,
  writeToyCity,
} from './toycity/write.js';
export { parseConfig, readConfig, type TrainingConfig } from './train/config.js';
export {
  type MetricsRecord,
  readMetrics,
  runFiles,
  type StepRecord,
  type ValidationRecord,
} from './train/runFolder.js';
export { type RunResult, type RunStart, type TrainOptions, train } from './train/trainer.js';
export type { ValidatedFrame, Validation } from './train/validate.js';
export { loadBackbone, renameBackbone } from './weights/backbone.js';
export { openWeights, readStateDict, type StateDict } from './weights/openWeights.js';
export { type Checkpoint, openCheckpoint } from './weights/pth.js';
export { writePth } from './weights/pthWriter.js';
export { openSafetensors, readSafetensors, type Safetensors, writeSafetensors } from './weights/safetensors.js';
export { describeMatch, loadStateDict, matchStateDict, type StateDictMatch } from './weights/stateDict.js';
export { summarizeWeights, type WeightsSummary } from './weights/summary.js';
export type { TensorInfo, WeightsFile } from './weights/weightsFile.js';

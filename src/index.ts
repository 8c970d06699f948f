// The front of the library for Node: what the commands do, one call each. More is in steadyseg/media, /metrics, /onnx and /train.

export { type AdaptPlan, type AdaptResult, adapt, planAdaptation } from './adapt/adapt.js';
export type { AdaptProgress } from './adapt/adaptClip.js';
export type { CurvePoint } from './adapt/choice.js';
export type { JudgedFrame, Judgement } from './adapt/judge.js';
export type { AdaptOptions, MeasuredEstimate } from './adapt/openAdaptation.js';
export { type PreparedShard, prepareAdaptation } from './adapt/shards.js';
export { predictSmoothed, type SmoothOptions } from './adapt/smooth.js';
export { InterruptedError, SteadysegError, UsageError } from './base/errors.js';
export type { OnProgress, Progress } from './base/progress.js';
export type { Shard, ShardRequest } from './base/shard.js';
export type { EvaluationOptions } from './data/evaluation/common.js';
export { evaluateMeanIoU, type MeanIoUOptions } from './data/evaluation/meanIoU.js';
export {
  evaluateTemporalConsistency,
  type KeptPair,
  type TemporalConsistencyOptions,
} from './data/evaluation/temporal.js';
export { evaluateVideoConsistency, type VideoConsistencyOptions } from './data/evaluation/video.js';
export type { LabelFiles } from './data/labelledFrames.js';
export { type DemoOptions, type DemoStage, runDemo } from './demo/demo.js';
export type { DemoFigures, DemoPair, DemoResult } from './demo/result.js';
export { type ClassSet, presetClasses, type Rgb } from './media/classes.js';
export type { CompareOptions, Comparison } from './media/compare.js';
export type { LabelMap, RgbImage, Size } from './media/image.js';
export type { FrameRate, OnBadFrame } from './media/video.js';
export type {
  EvaluationResult,
  MeanIoUResult,
  SteadinessResult,
  TemporalConsistencyResult,
  VideoConsistencyResult,
} from './metrics/result.js';
export type { ConvertOptions, ConvertReport } from './nets/convertFile.js';
export type { OperatorCost } from './quantize/leaveOut.js';
export { type QuantizeOptions, type QuantizeProgress, type QuantizeResult, quantize } from './quantize/quantize.js';
export type { RangeMethod } from './quantize/ranges.js';
export { type CompareNetworksOptions, compareNetworks } from './segment/compareNetworks.js';
export { type Diagnosis, diagnose, type Finding } from './segment/diagnose.js';
export { type EvaluateSteadinessOptions, evaluateSteadiness } from './segment/evaluateSteadiness.js';
export { type LoadFileOptions, loadModel } from './segment/loadModel.js';
export type { LoadOptions, SegmentationModel } from './segment/model.js';
export type { DescribeOptions, NetworkDescription, NetworkInput, NetworkOutput } from './segment/network.js';
export {
  type OutputKind,
  type OwnLabels,
  type PredictOptions,
  type PredictSummary,
  predict,
} from './segment/predict.js';
export type { Preprocessing, PreprocessingOptions } from './segment/preprocessing.js';
export { type PseudoLabelOptions, type PseudoLabelSummary, pseudoLabel } from './segment/pseudoLabels/pseudoLabel.js';
export type { FrameFailure, FrameRunOptions, RunSpeed } from './segment/runFrames.js';
export type { Segmentation, SegmentOptions, SegmentTimes } from './segment/segment.js';
export { type ShippedModel, shippedModelPath } from './segment/shipped.js';
export { type SegmentedFrame, type SegmentVideoOptions, segmentVideo } from './segment/video.js';
export type { ViewOptions } from './segment/views.js';
export { readConfig, type TrainingConfig } from './train/config.js';
export { type Conversion, convert } from './train/convert.js';
export { type RunResult, type RunStart, type TrainOptions, train } from './train/trainer.js';

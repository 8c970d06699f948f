// steadyseg/train: datasets, the loader, losses, configurations, run folders, pseudo labels, and the toy city.

export { type Augmentation, noAugmentation, publishedAugmentation } from './data/augmentation.js';
export type {
  Dataset,
  FlowReference,
  FrameReference,
  LabelReference,
  ModuleReference,
  Sample,
} from './data/dataset.js';
export { type DatasetOptions, datasetLayouts, extractVideo, openDataset, picturesDataset } from './data/datasets.js';
export {
  type Batch,
  createLoader,
  type Loader,
  type LoaderOptions,
  type NeighbourBatch,
  type Position,
} from './data/loader.js';
export type { SampleModule } from './data/moduleSource.js';
export { type RenderedToyCityOptions, renderedToyCityDataset } from './data/toycity.js';
export { type CrossEntropyOptions, crossEntropy } from './losses/crossEntropy.js';
export { type MotionInputs, type MotionOptions, motionLoss } from './losses/motion.js';
export { type MergePseudoLabelsOptions, mergePseudoLabels } from './segment/pseudoLabels/merge.js';
export { type PseudoLabelReport, readPseudoLabelReport } from './segment/pseudoLabels/report.js';
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
export { type ArchitectureOptions, architectureStudent } from './train/architectureStudent.js';
export type { NetworkClasses } from './train/classMap.js';
export { parseConfig, readConfig, type TrainingConfig } from './train/config.js';
export type { FrameCount, FrameName, LossSite, NetworkPair, OwnLoss } from './train/lossTable.js';
export type { OnnxStudent, OnnxStudentOptions } from './train/onnxStudent.js';
export { onnxStudent } from './train/openStudent.js';
export {
  type MetricsRecord,
  readMetrics,
  runFiles,
  type StepRecord,
  type ValidationRecord,
} from './train/runFolder.js';
export type { Student, StudentModelOptions, StudentOutputs } from './train/student.js';
export type { OwnDatasets } from './train/trainingData.js';
export type { ValidatedFrame, Validation } from './train/validate.js';

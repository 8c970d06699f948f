// steadyseg/metrics: counts, figures and results of mIoU, TC and VC, merging of shards, tables and reports.

export { parseShard, resolveShard } from './base/shard.js';
export { type Agreement, type AgreementCounts, addAgreement, agreement, agreementCounts } from './metrics/agreement.js';
export { addCounts, type ClassCounts } from './metrics/classCounts.js';
export { type MeanIoU, type MeanIoUConvention, meanIoU, meanIoUCounts } from './metrics/meanIoU.js';
export { mergeResults, type NamedResult } from './metrics/merge.js';
export {
  type EvaluationResult,
  type MeanIoUResult,
  readResult,
  type SteadinessResult,
  type TemporalConsistencyResult,
  type VideoConsistencyResult,
} from './metrics/result.js';
export {
  addSteadiness,
  type Steadiness,
  type SteadinessCounts,
  steadiness,
  steadinessCounts,
  totalVariation,
} from './metrics/steadiness.js';
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
export { type PairMaps, pairPictures } from './report/overlays.js';
export { type Report, renderReport, type Section, writeReport } from './report/report.js';
export { type ResultReportOptions, resultReport } from './report/resultReport.js';
export { renderResult } from './report/resultTable.js';

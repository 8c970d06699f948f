// steadyseg/onnx: graphs, their gradients, .onnx files, sessions, networks by name, and files of weights.

export { type GradientOptions, gradients } from './autodiff/gradients.js';
export { buildModel, type ModelOptions, resizeModel } from './nets/model.js';
export { weightsOfModel } from './nets/networkWeights.js';
export { architectureNames } from './nets/registry.js';
export { fromStorage, toStorage, type WeightStorage } from './onnx/compactStorage.js';
export { createEditor, type ModelEditor } from './onnx/editor.js';
export { type ExportOptions, exportModel } from './onnx/export.js';
export type { Cost } from './onnx/flops.js';
export {
  addNode,
  type BatchStatistics,
  type Contribution,
  constant,
  createGraph,
  detach,
  type GradientRule,
  type GradientSite,
  type Graph,
  type Initialization,
  input,
  type Node,
  type NodeOptions,
  type OperatorRules,
  type Parameter,
  parameter,
  type Value,
} from './onnx/graph.js';
export { type ImportedGraph, type ImportOptions, importModel } from './onnx/import.js';
export type { ShapeRule, Site, TypedValue, ValueType } from './onnx/inference/rule.js';
export type { Lowering, LoweringSite } from './onnx/lowering/site.js';
export { describeModel, type ModelDescription, readDescription } from './onnx/metadata.js';
export type { Attribute, Attributes, Dimension, Model, ModelGraph, ModelNode, ValueInfo } from './onnx/model.js';
export { readModelFile, writeModelFile } from './onnx/modelFile.js';
/** Builder functions named after the ONNX operators: each adds to the graph of its operands and returns the result. */
export * as ops from './onnx/ops.js';
export { keepOperator, type OwnOperator, type OwnOperators } from './onnx/ownOperator.js';
export { readModel } from './onnx/read.js';
export { imageShapes, type ModelSummary, summarizeModel, type ValueSummary } from './onnx/summary.js';
export { writeModel } from './onnx/write.js';
export { createSession, type Session, type SessionOptions, supportedDevices } from './runtime/session.js';
export { describeNetwork } from './segment/describeNetwork.js';
export { findNetwork } from './segment/findNetwork.js';
export type { FoundNetwork } from './segment/network.js';
export { defaultModel, shippedModels } from './segment/shipped.js';
export { type DType, type DTypeData, float32, type Shape, type Tensor, tensor, zeros } from './tensor/tensor.js';
export { loadBackbone, renameBackbone } from './weights/backbone.js';
export { openWeights, readStateDict, type StateDict } from './weights/openWeights.js';
export { type Checkpoint, openCheckpoint } from './weights/pth.js';
export { writePth } from './weights/pthWriter.js';
export { openSafetensors, readSafetensors, type Safetensors, writeSafetensors } from './weights/safetensors.js';
export { describeMatch, loadStateDict, matchStateDict, type StateDictMatch } from './weights/stateDict.js';
export { summarizeWeights, type WeightsSummary } from './weights/summary.js';
export type { TensorInfo, WeightsFile } from './weights/weightsFile.js';

// What an .onnx file holds: names and attributes as they are in the file, so that a foreign model round-trips.
import type { DType, Tensor } from '../tensor/tensor.js';

/** A dimension: a size, a symbolic name, or null when the file says nothing. */
export type Dimension = number | string | null;

/** Name, element type and shape of a graph's input, output or inner value; `type` is undefined for what is no tensor. */
export interface ValueInfo {
  readonly name: string;
  readonly type: { readonly dtype: DType; readonly shape: readonly Dimension[] | undefined } | undefined;
  /** Fields this library does not interpret (a sequence type, a doc string), as they were read. */
  readonly rest?: Uint8Array | undefined;
}

/** A node's attribute. `opaque` (subgraphs, string lists with odd types, …) is the attribute's message as read. */
export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'opaque'; readonly value: Uint8Array };

/** Attributes of a node by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

export const int = (value: number): Attribute => ({ kind: 'int', value });
export const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });
export const float = (value: number): Attribute => ({ kind: 'float', value });
export const string = (value: string): Attribute => ({ kind: 'string', value });

/** A node of the file: an operator with named inputs (`''` where an optional one is left out) and outputs. */
export interface ModelNode {
  readonly op: string;
  /** Operator domain; `''` is ONNX's own. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  readonly rest?: Uint8Array | undefined;
}

/** The graph of a model, as its file holds it. */
export interface ModelGraph {
  readonly name: string;
  readonly nodes: readonly ModelNode[];
  /** As in the file: some exporters list initializers here too. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly values: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly rest?: Uint8Array | undefined;
}

/** A model as its file holds it. */
export interface Model {
  readonly irVersion: number;
  /** Version of each operator set by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: ModelGraph;
  readonly rest?: Uint8Array | undefined;
}

/** The inputs a caller has to feed: those that are no initializers. */
export function feedInputs(graph: ModelGraph): ValueInfo[] {
  return graph.inputs.filter((input) => !graph.initializers.has(input.name));
}

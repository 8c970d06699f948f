// Tensors that a model keeps in other files (TensorProto.data_location EXTERNAL): where they are said to be, and where none may be.
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { SteadysegError } from '../base/errors.js';

/** Where a tensor's bytes are said to be. */
export interface ExternalPlace {
  /** A path from the model's folder. */
  readonly location: string;
  readonly offset: number;
  /** The tensor's bytes, by its shape and element type. */
  readonly length: number;
}

/** Gives the bytes of a tensor. @throws ExternalDataError when they are not to be had. */
export type ReadExternal = (place: ExternalPlace, label: string) => Uint8Array;

/** What is wrong with the data of a tensor in another file. The model itself is sound. */
export class ExternalDataError extends SteadysegError {
  override name = 'ExternalDataError';
}

/** For models that come without files beside them. */
export const noExternal: ReadExternal = ({ location }, label) => {
  throw new ExternalDataError(
    `${label} is kept in another file (${location}), which does not come with bytes: give the path of the model, or save it as one file`,
  );
};

/** The place that the entries of a tensor say. @param length the tensor's bytes. @throws ExternalDataError for another length. */
export function externalPlace(entries: ReadonlyMap<string, string>, length: number, label: string): ExternalPlace {
  const location = entries.get('location') ?? '';
  const offset = wholeNumber(entries.get('offset') ?? '0', label);
  const said = entries.get('length');
  if (said !== undefined && wholeNumber(said, label) !== length) {
    throw new ExternalDataError(`${label}: expected ${length} bytes of it in ${location}, found ${said}`);
  }
  return { location, offset, length };
}

function wholeNumber(text: string, label: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new ExternalDataError(`${label}: expected offset and length in another file as whole numbers, found "${text}"`);
}

type Message = 'model' | 'training' | 'function' | 'graph' | 'node' | 'attribute' | 'sparse' | 'tensor';

/** The fields of each message that lead to tensors (onnx.proto3). */
const leading: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
};
/** The field of TensorProto that says where its data are; 1 is another file. */
const dataLocation = 14;
/** Subgraphs within subgraphs. */
const MAX_DEPTH = 64;

/**
 * Looks through what this library keeps unread (subgraphs, functions, sparse tensors) for tensors in other files: the engine
 * would open them unchecked.
 * @throws ExternalDataError when there is one.
 */
export function refuseExternal(message: Message, bytes: Uint8Array, depth = 0): void {
  if (depth > MAX_DEPTH) throw new SteadysegError(`its subgraphs are nested more than ${MAX_DEPTH} deep`);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const inner = leading[message][field];
    if (inner && wire === WireType.LengthDelimited) {
      refuseExternal(inner, reader.bytes(), depth + 1);
    } else if (message === 'tensor' && field === dataLocation && wire === WireType.Varint) {
      if (reader.int32() === 1) {
        throw new ExternalDataError(
          'a tensor of a subgraph or function is kept in another file: save the model as one file',
        );
      }
    } else {
      reader.skip(wire, field);
    }
  }
}

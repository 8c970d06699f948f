// Nodes that turn stored weights into the float32 they compute in.
import { elementTypeCode } from './elementTypes.js';
import { int, type ModelNode } from './model.js';

const float32 = elementTypeCode('float32');

export function castToFloat32(from: string, to: string): ModelNode {
  return {
    op: 'Cast',
    domain: '',
    name: `${to}.cast`,
    inputs: [from],
    outputs: [to],
    attributes: { to: int(float32) },
  };
}

export function isCastToFloat32({ op, domain, attributes: { to } }: ModelNode): boolean {
  return op === 'Cast' && domain === '' && to?.kind === 'int' && to.value === float32;
}

// The networks that ship, rebuilt for a small picture.
import { type ShippedModel, shippedModelPath, shippedModels } from '#src/segment/shipped.js';
import { fileStudent } from '#src/train/fileStudent.js';
import { smallSize } from './labels.js';

export const shippedNames = Object.keys(shippedModels) as ShippedModel[];

/** The file of a network that ships, of another input size. */
export async function smallNetwork(name: ShippedModel): Promise<Uint8Array> {
  const student = await fileStudent(await shippedModelPath(name));
  return student.toModel(student.weights, { size: smallSize, description: { classes: undefined } });
}

// Opens any .onnx file as a student.
import { readFileBounded } from '../base/files.js';
import { MAX_MODEL_BYTES } from '../onnx/modelFile.js';
import { findNetwork } from '../segment/findNetwork.js';
import type { NetworkDescription } from '../segment/network.js';
import { type OnnxStudent, type OnnxStudentOptions, studentOfNetwork } from './onnxStudent.js';

/**
 * Reads a network.
 * @param content path of an .onnx file, or its bytes.
 * @param description of the network, where it is known already.
 * @throws as `studentOfNetwork`, and for a file that cannot be read.
 */
export async function onnxStudent(
  content: string | Uint8Array,
  options: OnnxStudentOptions = {},
  description?: NetworkDescription,
): Promise<OnnxStudent> {
  const found = await findNetwork(content);
  const bytes =
    typeof found.content === 'string' ? await readFileBounded(found.content, MAX_MODEL_BYTES) : found.content;
  return studentOfNetwork(found, bytes, options, description);
}

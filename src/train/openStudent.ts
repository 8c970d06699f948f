// Opens any .onnx file as a student.
import { readFileBounded } from '../base/files.js';
import { MAX_MODEL_BYTES } from '../onnx/modelFile.js';
import { findNetwork } from '../segment/findNetwork.js';
import { type OnnxStudent, type OnnxStudentOptions, studentOfNetwork } from './onnxStudent.js';

/** Reads a file. @throws as `studentOfNetwork`, and for a file that cannot be read. */
export async function onnxStudent(path: string, options: OnnxStudentOptions = {}): Promise<OnnxStudent> {
  const found = await findNetwork(path);
  const bytes =
    typeof found.content === 'string' ? await readFileBounded(found.content, MAX_MODEL_BYTES) : found.content;
  return studentOfNetwork(found, bytes, options);
}

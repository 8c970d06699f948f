// How much of a network the engine really computes in integers: it is asked for the graph that it runs.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModelFile } from '../onnx/modelFile.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { createSession } from '../runtime/session.js';
import { weightName } from './insert.js';
import type { IntegerOperator } from './placement.js';

/** What became of the operators that were to run in integers. */
export interface IntegerShare {
  /** Of all multiply–adds, those in integers; NaN where they cannot be counted. */
  readonly share: number;
  /** Operators with weights that the engine computes in float nevertheless. */
  readonly refused: readonly string[];
}

/**
 * @param content of the quantised model, or its path.
 * @param multiplyAdds of all operators, by the value they give.
 */
export async function integerShare(
  content: string | Uint8Array,
  operators: readonly IntegerOperator[],
  multiplyAdds: ReadonlyMap<string, number>,
  options: Pick<SessionOptions, 'device' | 'threads'>,
): Promise<IntegerShare> {
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-quantize-'));
  try {
    const path = join(folder, 'optimized.onnx');
    const session = await createSession(content, { ...options, optimizedModel: path });
    await session.release();
    const { graph } = await readModelFile(path);
    // An operator is replaced by one on integers that takes its weights as they are stored.
    const readInIntegers = new Set(
      graph.nodes.filter(({ op }) => op !== 'DequantizeLinear').flatMap(({ inputs }) => inputs),
    );
    const weighted = operators.filter(({ weights }) => weights);
    const refused = weighted.filter(({ name }) => !readInIntegers.has(weightName(name))).map(({ name }) => name);
    const counted = (names: Iterable<string>) =>
      [...names].reduce((sum, name) => sum + (multiplyAdds.get(name) ?? 0), 0);
    const all = counted(multiplyAdds.keys());
    const integer = counted(weighted.map(({ name }) => name)) - counted(refused);
    return { share: integer / all, refused };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

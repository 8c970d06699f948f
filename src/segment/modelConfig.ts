// `config.json` of Hugging Face: the names of a network's classes.
import * as v from 'valibot';
import { MAX_CLASSES } from '../base/labels.js';
import { readConfigFile } from './preprocessorConfig.js';

const configSchema = v.looseObject({ id2label: v.nullish(v.record(v.string(), v.string())) });
/** What Hugging Face writes where nobody named the classes. */
const unnamed = /^LABEL_\d+$/;

/**
 * The class names by id; undefined where the file has none, or none for some id.
 * @throws SteadysegError naming the file when it is not JSON.
 */
export async function readClassNames(path: string): Promise<readonly string[] | undefined> {
  const { id2label } = await readConfigFile(path, configSchema);
  if (!id2label) return undefined;
  const count = Object.keys(id2label).length;
  const names = Array.from({ length: Math.min(count, MAX_CLASSES) }, (_, id) => id2label[String(id)]);
  const whole = count >= 1 && count <= MAX_CLASSES && names.every((name) => name !== undefined);
  return whole && !names.every((name) => unnamed.test(name)) ? names : undefined;
}

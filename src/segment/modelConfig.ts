// `config.json` of Hugging Face: the names of a network's classes.
import * as v from 'valibot';
import { MAX_CLASSES } from '../base/labels.js';
import { readConfigFile } from './preprocessorConfig.js';

const configSchema = v.looseObject({ id2label: v.nullish(v.record(v.string(), v.string())) });
/** What Hugging Face writes where nobody named the classes. */
const unnamed = /^LABEL_\d+$/;

/**
 * The class names by id, numbers for ids that are left out; undefined where the file has none.
 * @throws SteadysegError naming the file when it is not JSON.
 */
export async function readClassNames(path: string): Promise<readonly string[] | undefined> {
  const { id2label } = await readConfigFile(path, configSchema);
  if (!id2label) return undefined;
  const count = Math.max(...Object.keys(id2label).map(Number)) + 1;
  if (!(count >= 1 && count <= MAX_CLASSES)) return undefined;
  const names = Array.from({ length: count }, (_, id) => id2label[String(id)] ?? `class ${id}`);
  return Object.values(id2label).every((name) => unnamed.test(name)) ? undefined : names;
}

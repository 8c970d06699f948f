// Files that define a class set: JSON or YAML.
import { extname } from 'node:path';
import * as v from 'valibot';
import { messageOf, SteadysegError } from '../base/errors.js';
import { readFileBounded } from '../base/files.js';
import { MAX_CLASSES } from '../base/labels.js';
import { problemOf } from '../base/problem.js';
import { readYaml } from '../base/yaml.js';
import { type ClassSet, type Rgb, vocColor } from './classes.js';
import { ignoreLabel } from './image.js';

/** A class file is text written by hand; more is something else. */
const MAX_CLASS_FILE_BYTES = 1 << 20;

const channel = v.pipe(
  v.number('expected a whole number in 0..255'),
  v.integer('expected a whole number in 0..255'),
  v.minValue(0, 'expected a whole number in 0..255'),
  v.maxValue(255, 'expected a whole number in 0..255'),
);
const colorMessage = 'expected a colour as three numbers [red, green, blue]';
const rgb = v.pipe(
  v.array(channel, colorMessage),
  v.length(3, colorMessage),
  v.transform(([red, green, blue]): Rgb => [red, green, blue]),
);
const className = v.pipe(v.string('expected a class name as text'), v.trim(), v.nonEmpty('expected a class name'));

const classFile = v.strictObject({
  name: v.optional(v.pipe(v.string('expected text'), v.nonEmpty('expected a name'))),
  classes: v.pipe(
    v.array(className, 'expected a list of class names'),
    v.minLength(1, 'expected at least one class'),
    v.maxLength(MAX_CLASSES, `expected at most ${MAX_CLASSES} classes`),
  ),
  palette: v.optional(v.array(rgb, 'expected a list of colours [red, green, blue]')),
  ignoreLabel: v.optional(channel, ignoreLabel),
});

/**
 * Reads a class set from a JSON or YAML file: `classes` (names in train-id order), and optionally `palette` (a colour
 * `[red, green, blue]` for each), `ignoreLabel` (default 255; where it is the id of a class, pixels labelled so do not
 * count, and the class is left out of means) and `name` (default: the file's path).
 * Without a palette the colours are those of PASCAL VOC's scheme, which are distinct for every id.
 * @throws SteadysegError naming the file, the entry, the expected and the found.
 */
export async function readClassesFile(path: string): Promise<ClassSet> {
  const text = new TextDecoder().decode(await readFileBounded(path, MAX_CLASS_FILE_BYTES));
  let content: unknown;
  try {
    // `maxAliasCount: 0` refuses the aliases with which a small file can grow without bound.
    if (extname(path).toLowerCase() === '.json') content = JSON.parse(text);
    else {
      const { document, fault } = readYaml(text, path);
      if (fault !== undefined) throw new Error(fault);
      content = document.toJS({ maxAliasCount: 0 });
    }
  } catch (thrown) {
    if (thrown instanceof SteadysegError) throw thrown;
    throw new SteadysegError(`${path}: expected JSON or YAML with the key "classes", found: ${messageOf(thrown)}`);
  }
  const result = v.safeParse(classFile, content);
  if (!result.success) {
    const issue = result.issues[0];
    const at = v.getDotPath(issue);
    throw new SteadysegError(`${path}: ${at === null ? '' : `${at}: `}${problemOf(issue)}${foundIn(issue)}`);
  }
  const { name = path, classes, ignoreLabel: ignored } = result.output;
  const palette = result.output.palette ?? classes.map((_, id) => vocColor(id + 1));
  if (palette.length !== classes.length) {
    throw new SteadysegError(
      `${path}: palette: expected a colour for each of the ${classes.length} classes, found ${palette.length}`,
    );
  }
  const repeated = classes.find((label, at) => classes.indexOf(label) !== at);
  if (repeated !== undefined)
    throw new SteadysegError(`${path}: classes: expected distinct names, found "${repeated}" twice`);
  return { name, classes, palette, ignoreLabel: ignored };
}

/** What valibot found, unless its message says so. */
function foundIn(issue: v.BaseIssue<unknown>): string {
  return issue.message.includes('received') || issue.received === 'undefined' ? '' : `, found ${issue.received}`;
}

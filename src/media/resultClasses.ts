// The classes that a result says its label maps are of: `predict.json`, `pseudo-label.json` and those of shards, beside the maps' folder or in it.
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { UsageError } from '../base/errors.js';
import { isFolder, readFileBounded } from '../base/files.js';
import { MAX_CLASSES } from '../base/labels.js';
import { type ClassSet, contradicts, presetNames, setOfNames } from './classes.js';

/** A record lists the frames that failed, and little else. */
const MAX_RECORD_BYTES = 1 << 28;
const recordName = /^(predict|pseudo-label)(-\d+-of-\d+)?\.json$/;

const byte = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255));
const record = v.looseObject({
  classes: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(MAX_CLASSES)),
  palette: v.optional(v.pipe(v.array(v.tuple([byte, byte, byte])), v.maxLength(MAX_CLASSES))),
});

/**
 * The classes of the label maps in a folder, named after the record that says so: one in the folder, or beside it where it
 * is the folder `labels` of a result. Undefined where none does; a file that is no record says nothing.
 */
export async function readResultClasses(input: string): Promise<ClassSet | undefined> {
  if (!(await isFolder(input))) return undefined;
  const folders = basename(resolve(input)) === 'labels' ? [input, dirname(resolve(input))] : [input];
  for (const folder of folders) {
    const names = (await readdir(folder)).filter((name) => recordName.test(name)).sort();
    for (const name of names) {
      const found = await classesIn(join(folder, name));
      if (found) return found;
    }
  }
  return undefined;
}

async function classesIn(path: string): Promise<ClassSet | undefined> {
  try {
    const content: unknown = JSON.parse(new TextDecoder().decode(await readFileBounded(path, MAX_RECORD_BYTES)));
    const { classes, palette } = v.parse(record, content);
    return setOfNames(path, classes, palette);
  } catch {
    return undefined;
  }
}

/**
 * The classes of label maps: those given, else those of the result they are of.
 * @throws UsageError for a preset that contradicts the result's record.
 */
export async function classesOfResult(input: string, given: ClassSet | undefined): Promise<ClassSet | undefined> {
  const found = await readResultClasses(input);
  const difference = given && found && contradicts(given, found);
  if (difference !== undefined && presetNames.includes(given?.name ?? '')) {
    throw new UsageError(
      `${input}: expected the classes of its label maps, found the preset "${given?.name}", which contradicts them: ${difference}; leave --preset out to use the result's own`,
    );
  }
  return given ?? found;
}

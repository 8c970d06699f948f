// The options of commands that name classes: a preset, or a file.
import { type Command, Option } from 'commander';
import { type ClassSet, presetClasses, presetNames } from '../media/classes.js';
import { readClassesFile } from '../media/classesFile.js';

export interface ClassOptions {
  preset?: string;
  classes?: string;
}

/** Adds `--preset` and `--classes`. @param what the help text of `--preset`. */
export function addClassOptions(command: Command, what: string): Command {
  return command
    .addOption(new Option('--preset <name>', what).choices(presetNames))
    .addOption(new Option('--classes <file>', 'class names and colours, JSON or YAML').conflicts('preset'));
}

/** The classes that the options name; undefined when they name none. */
export async function classesOf({ classes, preset }: ClassOptions): Promise<ClassSet | undefined> {
  if (classes !== undefined) return await readClassesFile(classes);
  return preset === undefined ? undefined : presetClasses(preset);
}

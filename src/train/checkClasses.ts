// Refuses data whose classes are not those that the network names: its scores would come to mean something else, and say so nowhere.
import { UsageError } from '../base/errors.js';
import { type ClassSet, contradicts, presetNames, setOfNames } from '../media/classes.js';
import type { Student } from './student.js';

/**
 * Compares the data's classes with those a student's file names, as far as the data names any; a network may have more.
 * The classes of a layout or a preset may not rename the network's; those of a class file may, and that is said.
 *
 * @throws UsageError where a layout or a preset contradicts the names in the file.
 */
export function checkClasses(
  { name, classes: { names } }: Pick<Student, 'name' | 'classes'>,
  data: ClassSet,
  warn: (message: string) => void,
): void {
  if (!names) return;
  const difference = contradicts(data, setOfNames('the network', names.slice(0, data.classes.length)));
  if (difference === undefined) return;
  if (presetNames.includes(data.name)) {
    throw new UsageError(
      `${name}: expected a network of the data's classes, found that they contradict its own: ${difference}; say with data.classes, a class file, what the labels are if the network is to learn them instead`,
    );
  }
  warn(`${name}: its classes are renamed: ${difference}`);
}

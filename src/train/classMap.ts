// Which classes of a teacher stand for which of the student's: by number, by name, or as the configuration says.
import { UsageError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';

/** The classes of a network: how many, and their names where it says them. */
export interface NetworkClasses {
  readonly count: number;
  readonly names?: readonly string[] | undefined;
}

/** For each class of the student the teacher's that stand for it; none for a class the teacher does not know. */
export type ClassMap = readonly (readonly number[])[];

/**
 * Maps by `given` (teacher class → student class, names or numbers), else by name where both have names, else by number.
 * Without `given`, every class must have its partner.
 *
 * @param source the teacher's file, for errors.
 * @throws UsageError when classes are unknown, or differ and nothing says how they correspond.
 */
export function mapClasses(
  teacher: NetworkClasses,
  student: NetworkClasses,
  given: Readonly<Record<string, string | number>> | undefined,
  source: string,
): ClassMap {
  if (given) return mapAsGiven(teacher, student, given, source);
  if (teacher.names && student.names) return mapByName(teacher.names, student.names, source);
  if (teacher.count !== student.count) {
    throw new UsageError(
      `${source}: expected a teacher of the student's ${student.count} classes, found ${teacher.count}: say with teacher.classMap which stands for which`,
    );
  }
  return Array.from({ length: student.count }, (_, id) => [id]);
}

/** Whether every class of the student has exactly the teacher's class of its number. */
export function isSameOrder(map: ClassMap, teacher: NetworkClasses): boolean {
  return map.length === teacher.count && map.every((ids, id) => ids.length === 1 && ids[0] === id);
}

const plain = (name: string) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

function mapByName(teacher: readonly string[], student: readonly string[], source: string): ClassMap {
  const map = student.map((name) => teacher.flatMap((other, id) => (plain(other) === plain(name) ? [id] : [])));
  const missing = student.filter((_, id) => map[id].length === 0);
  if (missing.length > 0) {
    throw new UsageError(
      `${source}: expected the student's classes, found no ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''} among the teacher's (${teacher.join(', ')}): say with teacher.classMap which stands for which`,
    );
  }
  return map;
}

function mapAsGiven(
  teacher: NetworkClasses,
  student: NetworkClasses,
  given: Readonly<Record<string, string | number>>,
  source: string,
): ClassMap {
  const map: number[][] = Array.from({ length: student.count }, () => []);
  for (const [from, to] of Object.entries(given)) {
    map[classId(student, to, `teacher.classMap.${from}: expected a class of the student`)].push(
      classId(teacher, from, `${source}: teacher.classMap: expected a class of the teacher`),
    );
  }
  if (map.filter((ids) => ids.length > 0).length < 2) {
    throw new UsageError('teacher.classMap: expected at least two classes of the student to be named, found fewer');
  }
  return map;
}

function classId({ count, names }: NetworkClasses, wanted: string | number, expected: string): number {
  const named = names?.findIndex((name) => plain(name) === plain(String(wanted))) ?? -1;
  if (named >= 0) return named;
  const id = Number(wanted);
  if (Number.isInteger(id) && id >= 0 && id < count) return id;
  const near = names && suggest(String(wanted), names);
  const known = names ? names.join(', ') : `0 to ${count - 1}`;
  throw new UsageError(`${expected} (${known}), found "${wanted}"${near ? `; did you mean ${near}?` : ''}`);
}

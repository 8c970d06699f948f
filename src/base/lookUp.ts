// Looking a name that comes from outside up in a table: `constructor` and `__proto__` are in every object, and in none of ours.

/** The entry of a name; undefined where the table itself has none. */
export function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

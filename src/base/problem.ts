// What a schema finds wrong with a file's content, in words.

/** A damaged file may hold values of any length. */
const MAX_QUOTED = 300;

/** The problem of a schema's issue: its own message, but for what is missing, of which it would speak as "undefined". */
export function problemOf({ message, received }: { readonly message: string; readonly received: string }): string {
  return received === 'undefined' ? 'expected a value, found nothing' : message.slice(0, MAX_QUOTED);
}

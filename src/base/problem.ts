// What a schema finds wrong with a file's content, in words.

/** The problem of a schema's issue: its own message, but for what is missing, of which it would speak as "undefined". */
export function problemOf({ message, received }: { readonly message: string; readonly received: string }): string {
  return received === 'undefined' ? 'expected a value, found nothing' : message;
}

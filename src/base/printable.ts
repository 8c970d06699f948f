// Text of files, as a terminal may show it: a name must not move the cursor, change colours or turn the order of letters.

/** Control characters but line breaks and tabs, and marks that change the direction of what follows. */
const harmful = /(?![\n\t])\p{Cc}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The text with such characters as their codes: `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(harmful, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** JSON with such characters escaped: it is the same JSON, and can be shown. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(
    harmful,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

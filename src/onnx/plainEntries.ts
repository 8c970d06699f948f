// Metadata entries of other exporters: lists of numbers and of names in the forms that they are written in.

/** What text holds: JSON, or JSON as Python writes it (single quotes, bare ids as keys). Undefined for other text. */
function contentOf(text: string): unknown {
  const asJson = text
    .replace(/'((?:[^'"\\]|\\.)*)'/g, '"$1"')
    .replace(/([{,]\s*)(\d+)(\s*:)/g, '$1"$2"$3')
    .replace(/,(\s*[}\]])/g, '$1');
  for (const candidate of [text, asJson]) {
    try {
      return JSON.parse(candidate);
    } catch {
      // The next form, or none.
    }
  }
  return undefined;
}

/** Numbers, one a channel: a JSON list, numbers with commas or spaces between them, or one number for all three. Other content and parts come as they are. */
export function plainNumbers(text: string): unknown {
  const content =
    contentOf(text) ??
    text
      .trim()
      .split(/[\s,;]+/)
      .map((part) => (part !== '' && Number.isFinite(Number(part)) ? Number(part) : part));
  const numbers = Array.isArray(content) && content.length === 1 ? content[0] : content;
  return typeof numbers === 'number' ? [numbers, numbers, numbers] : numbers;
}

/** Names by id: a list, an object of ids, in JSON or as Python writes them, or names with commas between them. Other content comes as it is. */
export function plainNames(text: string): unknown {
  const content = contentOf(text);
  if (content === undefined) return text.split(',').map((name) => name.trim());
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return content;
  const named = Object.entries(content);
  const highest = Math.max(...named.map(([id]) => Number(id)));
  if (!Number.isInteger(highest) || highest < 0 || highest > MAX_ID) return content;
  const names: Record<string, unknown> = { ...content };
  return Array.from({ length: highest + 1 }, (_, id) => names[String(id)] ?? `class ${id}`);
}

/** Beyond this an id is of no class that a label can be. */
const MAX_ID = 254;

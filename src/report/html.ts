// HTML text that cannot be broken by what is put into it: everything is escaped unless it is already markup.

/** Markup; only the `html` tag and `markup` make it. */
export interface Html {
  readonly markup: string;
}

type Content = Html | string | number | undefined | false | readonly Content[];

/** A template whose values are escaped. Markup inside it stays; lists are joined; `undefined` and `false` leave nothing. */
export function html(parts: TemplateStringsArray, ...values: Content[]): Html {
  let text = parts[0];
  for (const [i, value] of values.entries()) text += contentText(value) + parts[i + 1];
  return { markup: text };
}

/** Declares text of our own (a style sheet, path data) to be markup. */
export function markup(text: string): Html {
  return { markup: text };
}

function contentText(value: Content): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value));
  if ('markup' in value) return value.markup;
  return value.map(contentText).join('');
}

/** Text as HTML, also within a quoted attribute. Control characters, which HTML does not allow, become U+FFFD. */
export function escapeHtml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
    .replace(/[^\P{Cc}\t\n]/gu, '\ufffd');
}

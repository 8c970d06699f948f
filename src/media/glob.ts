// Expands globs, so that a quoted pattern works in every shell and on Node 20.
import { readdir } from 'node:fs/promises';
import { isAbsolute, join, parse } from 'node:path';
import { SteadysegError, UsageError } from '../base/errors.js';

/** Folders are listed one by one; a pattern that matches more files was not meant. */
const MAX_MATCHES = 10_000_000;
/** Each `{a,b}` multiplies the patterns. */
const MAX_ALTERNATIVES = 1000;

/** Whether a path holds a wildcard: `*`, `?`, `[…]` or `{…,…}`. */
export function isGlob(path: string): boolean {
  return /[*?]|\[[^\]]+\]|\{[^{}]*,[^{}]*\}/.test(path);
}

/**
 * The files that match: `*` and `?` within a name, `[abc]`, `[a-z]`, `[!a]`, `{one,other}`, and `**` for any number of
 * folders. Names that start with a dot match only patterns that do. In no particular order.
 */
export async function expandGlob(pattern: string): Promise<string[]> {
  const found = new Set<string>();
  for (const alternative of alternatives(pattern)) {
    const root = isAbsolute(alternative) ? parse(alternative).root : '';
    const parts = alternative
      .slice(root.length)
      .split(/[/\\]+/)
      .filter((part) => part !== '' && part !== '.');
    await walk(root, parts, pattern, found);
  }
  return [...found];
}

/** `pattern` is what errors name. */
async function walk(folder: string, parts: readonly string[], pattern: string, found: Set<string>): Promise<void> {
  const [part, ...rest] = parts;
  if (part === undefined) return;
  if (part === '**') await walk(folder, rest.length === 0 ? ['*'] : rest, pattern, found);
  if (part !== '**' && rest.length > 0 && !isGlob(part)) {
    await walk(join(folder, part), rest, pattern, found);
    return;
  }
  const matches = part === '**' ? /^[^.]/ : nameMatcher(part, pattern);
  const entries = await readdir(folder === '' ? '.' : folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!matches.test(entry.name)) continue;
    const path = join(folder, entry.name);
    // `**` follows no links to folders, so that it ends.
    if (part === '**') {
      if (entry.isDirectory()) await walk(path, parts, pattern, found);
    } else if (rest.length > 0) {
      if (entry.isDirectory() || entry.isSymbolicLink()) await walk(path, rest, pattern, found);
    } else if (!entry.isDirectory()) {
      found.add(path);
      if (found.size > MAX_MATCHES)
        throw new SteadysegError(`${pattern}: expected at most ${MAX_MATCHES} files to match`);
    }
  }
}

/** `a{b,c}` → `ab`, `ac`; the innermost braces first. */
function alternatives(pattern: string): string[] {
  let patterns = [pattern];
  for (;;) {
    const next = patterns.flatMap((one) => {
      const match = /\{([^{}]*,[^{}]*)\}/.exec(one);
      if (match === null) return [one];
      return match[1]
        .split(',')
        .map((part) => one.slice(0, match.index) + part + one.slice(match.index + match[0].length));
    });
    if (next.length === patterns.length) return patterns;
    if (next.length > MAX_ALTERNATIVES) {
      throw new SteadysegError(`${pattern}: expected at most ${MAX_ALTERNATIVES} alternatives in braces, found more`);
    }
    patterns = next;
  }
}

function nameMatcher(part: string, pattern: string): RegExp {
  let source = part.startsWith('.') ? '' : '(?!\\.)';
  for (let at = 0; at < part.length; at++) {
    const character = part[at];
    const close = character === '[' ? part.indexOf(']', at + 2) : -1;
    if (character === '*') source += '.*';
    else if (character === '?') source += '.';
    else if (close > 0) {
      const set = part
        .slice(at + 1, close)
        .replace(/\\/g, '\\\\')
        .replace(/\]/g, '\\]');
      source += `[${set.replace(/^[!^]/, '^')}]`;
      at = close;
    } else source += character.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  }
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch {
    throw new UsageError(`expected ranges such as [a-z] in a pattern, found "${pattern}"`);
  }
}

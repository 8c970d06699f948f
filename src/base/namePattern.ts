// Names by pattern: `*` stands for any characters.

/** Whether a whole name fits a pattern such as `layer4.*` or `*.bias`. */
export function fitsPattern(name: string, pattern: string): boolean {
  const [first, ...others] = pattern.split('*');
  if (others.length === 0) return name === pattern;
  const last = others.pop() ?? '';
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

// Mutates texts of lines (YAML, lists): lines go, come again and move, indents and scalars change, anchors, tags and flows come in.
import { bytesOfText, edgeNumbers, edgeTexts, type Mutator, oneIn, pick, textOf } from './mutator.js';

/** Deeper than any reader should follow. */
const MAX_NESTING = 20_000;

export const mutateLines: Mutator = (bytes, random) => {
  const lines = textOf(bytes).split('\n');
  for (let left = 1 + random.integer(4); left > 0; left--) {
    const at = random.integer(lines.length);
    const line = lines[at] ?? '';
    const scalar = () => (oneIn(random, 2) ? String(pick(random, edgeNumbers)) : pick(random, edgeTexts));
    switch (random.integer(10)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(
          random.integer(lines.length + 1),
          0,
          ...Array.from({ length: 1 + random.integer(20) }, () => line),
        );
        break;
      case 2:
        lines[at] = oneIn(random, 2) ? `${' '.repeat(random.integer(8))}${line}` : line.trimStart();
        break;
      case 3:
      case 4:
        lines[at] = line.replace(/(?<=[:\-,[{] ?)[^\s,[\]{}:]+/g, (found) => (oneIn(random, 2) ? scalar() : found));
        break;
      case 5:
        lines[at] = line.replace(/[^\s,[\]{}:]+(?=:)/, scalar);
        break;
      case 6: {
        // Each anchor stands for ten of the one before.
        const names = Array.from({ length: 1 + random.integer(12) }, (_, k) => `a${k}`);
        const bomb = names.map(
          (name, k) =>
            `${name}: &${name} [${Array(10)
              .fill(k ? `*a${k - 1}` : 'x')
              .join(', ')}]`,
        );
        lines.splice(at, 0, ...bomb);
        break;
      }
      case 7: {
        const depth = 1 + random.integer(MAX_NESTING);
        const [open, close] = pick(random, [
          ['[', ']'],
          ['{a: ', '}'],
          ['- ', ''],
          ['? ', ''],
        ]);
        lines[at] = line.replace(/(?<=:).*/, () => ` ${open.repeat(depth)}${close.repeat(depth)}`);
        break;
      }
      case 8:
        lines[at] = line.replace(
          /(?<=: ?)\S*/,
          (found) =>
            `${pick(random, ['!!binary', '!!float', '!!js/function', '!x', '&a', '*a', '<<: *a', '|', '>-', '%', '@'])} ${found}`,
        );
        break;
      default:
        lines.splice(
          at,
          0,
          pick(random, ['---', '...', '%YAML 9.9', '<<: {a: 1}', '\t- x', '? a', ': b', '# c', scalar()]),
        );
    }
  }
  return bytesOfText(lines.join(oneIn(random, 10) ? '\r\n' : '\n'));
};

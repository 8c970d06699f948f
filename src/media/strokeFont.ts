// A stroke font of our own: text on pictures on machines that have no fonts, at any size.

/**
 * Glyphs as strokes on a grid: a point is two digits, x then y; y 2 is the baseline, 6 the height of small letters, 8
 * that of capitals, 0 the descender. Strokes are separated by spaces: plain ones are straight lines from point to point,
 * `~` ones a quadratic B-spline from the first point to the last, `@` ones a closed quadratic B-spline.
 */
const glyphs: Readonly<Record<string, string>> = {
  a: '@06464202 4642',
  b: '0802 @06464202',
  c: '~454606024243',
  d: '4842 @06464202',
  e: '0444 ~444606024243',
  f: '~38181712 0636',
  g: '@06464202 ~4641400001',
  h: '0802 ~0406464542',
  i: '0602 0808',
  j: '~16111000 1818',
  k: '0802 3603 1442',
  l: '~08030212',
  m: '0602 ~0406363532 ~3436666562',
  n: '0602 ~0406464542',
  o: '@06464202',
  p: '0600 @06464202',
  q: '4640 @06464202',
  r: '0602 ~040636',
  s: '~4546060444420203',
  t: '~18131232 0636',
  u: '~0603024244 4642',
  v: '062246',
  w: '0612365266',
  x: '0642 4602',
  y: '0622 4610',
  z: '06460242',
  A: '022842 1434',
  B: '0802 ~08484505 ~05454202',
  C: '~464808024244',
  D: '0802 ~08484202',
  E: '48080242 0535',
  F: '480802 0535',
  G: '~464808024245 4525',
  H: '0802 4842 0545',
  I: '0802',
  J: '~4843420203',
  K: '0802 4804 1542',
  L: '080242',
  M: '0208346862',
  N: '02084248',
  O: '@08484202',
  P: '0802 ~08484404',
  Q: '@08484202 2442',
  R: '0802 ~08484404 2442',
  S: '~4648080545420203',
  T: '0848 2822',
  U: '~080302424348',
  V: '082248',
  W: '0812365268',
  X: '0842 4802',
  Y: '0825 4825 2522',
  Z: '08480242',
  0: '@08484202 1337',
  1: '062822',
  2: '~0608484602 0242',
  3: '~0708484515 ~1545420203',
  4: '3238 380444',
  5: '480805 ~0505464202',
  6: '~380804 @05454202',
  7: '084812',
  8: '@08484505 @05454202',
  9: '@08484505 ~464212',
  '-': '0535',
  _: '0141',
  '.': '0202',
  ',': '1201',
  ':': '0202 0505',
  ';': '1505 1201',
  '/': '0148',
  '\\': '0841',
  '(': '~18070312',
  ')': '~08171302',
  '[': '18080212',
  ']': '08181202',
  '+': '0545 2723',
  '=': '0646 0444',
  '*': '2824 0745 0547',
  '%': '0248 @08282606 @24444222',
  '&': '~421708282603022244',
  '#': '1812 3832 0646 0444',
  "'": '0806',
  '"': '0806 1816',
  '!': '0804 0202',
  '?': '~060848462524 2222',
  '<': '470543',
  '>': '074503',
  '|': '0800',
};
/** What stands for a character without a glyph. */
const unknownGlyph = '0208484202';
const SPACE_WIDTH = 2;
const LETTER_SPACING = 2;
/** Points that a curve between two knots is drawn with. */
const CURVE_STEPS = 6;

/** Units from the descender's end to the top of capitals. */
export const FONT_HEIGHT = 8;

interface Segment {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** How opaque each pixel is, 0..255. */
export interface TextMask {
  readonly width: number;
  readonly height: number;
  readonly alpha: Uint8Array;
}

/** Width of `text` in pixels, where a unit of the grid (an eighth of the height) is `unit` pixels. */
export function textWidth(text: string, unit: number): number {
  return Math.ceil(layOut(text).width * unit) + 2 * margin(unit);
}

/**
 * Draws a line of text with smooth edges. Accents are left off; characters other than ASCII become boxes.
 * @param unit pixels of a grid unit: capitals are 6 units high, the mask 8 plus the stroke's width
 */
export function drawText(text: string, unit: number): TextMask {
  const { segments, width: units } = layOut(text);
  const edge = margin(unit);
  const width = Math.ceil(units * unit) + 2 * edge;
  const height = Math.ceil(FONT_HEIGHT * unit) + 2 * edge;
  const alpha = new Uint8Array(width * height);
  const radius = strokeRadius(unit);
  for (const segment of segments) {
    const x0 = edge + segment.x0 * unit;
    const y0 = edge + (FONT_HEIGHT - segment.y0) * unit;
    const dx = (segment.x1 - segment.x0) * unit;
    const dy = (segment.y0 - segment.y1) * unit;
    const reach = radius + 1;
    const left = Math.max(0, Math.floor(Math.min(x0, x0 + dx) - reach));
    const right = Math.min(width - 1, Math.ceil(Math.max(x0, x0 + dx) + reach));
    const top = Math.max(0, Math.floor(Math.min(y0, y0 + dy) - reach));
    const bottom = Math.min(height - 1, Math.ceil(Math.max(y0, y0 + dy) + reach));
    const squared = dx * dx + dy * dy;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        // The distance from the pixel's centre to the segment, and how much of the pixel a stroke with round ends covers.
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const along = squared === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / squared));
        const distance = Math.hypot(px - along * dx, py - along * dy);
        const cover = Math.min(1, Math.max(0, radius + 0.5 - distance)) * 255;
        if (cover > alpha[y * width + x]) alpha[y * width + x] = cover;
      }
    }
  }
  return { width, height, alpha };
}

function strokeRadius(unit: number): number {
  return Math.max(0.5, unit * 0.42);
}

function margin(unit: number): number {
  return Math.ceil(strokeRadius(unit));
}

/** Places the glyphs one after the other; a glyph is as wide as its strokes. */
function layOut(text: string): { segments: Segment[]; width: number } {
  const segments: Segment[] = [];
  let at = 0;
  let width = 0;
  for (const character of text.normalize('NFD').replace(/\p{M}/gu, '').replaceAll('ß', 'ss')) {
    if (character === ' ') {
      at += SPACE_WIDTH + LETTER_SPACING;
      continue;
    }
    let right = 0;
    for (const stroke of (glyphs[character] ?? unknownGlyph).split(' ')) {
      const line = pointsOf(stroke);
      for (const [x] of line) right = Math.max(right, x);
      for (let k = 0; k + 1 < line.length; k++) {
        segments.push({ x0: at + line[k][0], y0: line[k][1], x1: at + line[k + 1][0], y1: line[k + 1][1] });
      }
    }
    width = at + right;
    at = width + LETTER_SPACING;
  }
  return { segments, width };
}

type Point = readonly [x: number, y: number];

/** The points of a stroke, curves as short lines. */
function pointsOf(stroke: string): Point[] {
  const knots: Point[] = [...stroke.matchAll(/(\d)(\d)/g)].map(([, x, y]) => [Number(x), Number(y)]);
  if (stroke.startsWith('@')) {
    const last = knots[knots.length - 1];
    return knots.flatMap((knot, k) =>
      curve(middle(knots[k - 1] ?? last, knot), knot, middle(knot, knots[k + 1] ?? knots[0])),
    );
  }
  if (!stroke.startsWith('~')) return knots;
  const inner = knots
    .slice(1, -1)
    .flatMap((knot, k) => curve(middle(knots[k], knot), knot, middle(knot, knots[k + 2])));
  return [knots[0], ...inner, knots[knots.length - 1]];
}

/** Points of the quadratic Bézier curve from `start` to `end`. */
function curve(start: Point, control: Point, end: Point): Point[] {
  return Array.from({ length: CURVE_STEPS + 1 }, (_, k) => {
    const t = k / CURVE_STEPS;
    const at = (axis: 0 | 1) => (1 - t) ** 2 * start[axis] + 2 * t * (1 - t) * control[axis] + t ** 2 * end[axis];
    return [at(0), at(1)] as const;
  });
}

function middle(a: Point, b: Point): Point {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

// The figures of both sides, as they run: how much the labels flicker.
import type { ClassSet, Steadiness } from '../src/web.js';
import { element, made } from './elements.js';
import type { Side } from './networkWorker.js';
import type { Figures } from './steadinessWorker.js';

const sides: readonly Side[] = ['left', 'right'];

/** Two digits of a percentage; a dash for what is not known. */
export function percent(share: number | undefined): string {
  return share === undefined || Number.isNaN(share) ? '–' : `${(100 * share).toFixed(2)} %`;
}

/** Writes the figures into the page. */
export function showFigures(figures: Figures, classes: Readonly<Partial<Record<Side, ClassSet>>>): void {
  for (const side of sides) {
    const found = figures[side];
    element(`${side}-flicker`, HTMLElement).textContent = percent(found && 1 - found.steady);
    element(`${side}-steady`, HTMLElement).textContent = percent(found?.steady);
    element(`${side}-kappa`, HTMLElement).textContent = found ? found.kappa.toFixed(4) : '–';
  }
  element('difference', HTMLElement).textContent = differenceWords(figures);
  element('by-class', HTMLTableSectionElement).replaceChildren(...classRows(figures, classes));
}

function differenceWords({ left, right }: Figures): string {
  if (!left || !right) return '';
  const [from, to] = [1 - left.steady, 1 - right.steady];
  if (from === 0 || from === to) return '';
  const share = Math.abs(100 * (1 - to / from));
  return `The right side flickers ${share.toFixed(0)} % ${to < from ? 'less' : 'more'}.`;
}

/** Classes that occur, where both sides have the same ones or only one has any. */
function classRows(figures: Figures, classes: Readonly<Partial<Record<Side, ClassSet>>>): HTMLTableRowElement[] {
  const names = (classes.left ?? classes.right)?.classes ?? [];
  const same = !classes.left || !classes.right || classes.right.classes.join() === classes.left.classes.join();
  if (!same) return [];
  return names.flatMap((name, id) => {
    const flicker = (found: Steadiness | undefined) => found?.flicker[id];
    const cells = sides.map((side) => flicker(figures[side]));
    if (cells.every((value) => value === undefined || Number.isNaN(value))) return [];
    const head = made('th', name);
    head.scope = 'row';
    return [made('tr', head, ...cells.map((value) => made('td', percent(value))))];
  });
}

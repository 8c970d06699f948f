// Draws the architecture from the real imports: folders of src/ as boxes, in levels, with the imports that no other implies.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** What each folder holds, in a few words. A folder without an entry fails the drawing. */
const purposes: Readonly<Record<string, string>> = {
  base: 'errors, files',
  tensor: 'typed arrays',
  onnx: 'graphs, .onnx files',
  autodiff: 'gradients of graphs',
  runtime: 'the engine',
  weights: '.safetensors, .pth',
  media: 'pictures, video',
  nets: 'networks as graphs',
  losses: 'losses as graphs',
  flow: 'optical flow',
  metrics: 'mIoU, TC, VC',
  toycity: 'a synthetic street',
  data: 'datasets, batches',
  segment: 'frames to labels',
  collective: 'ranks over MPI',
  train: 'the training step',
  adapt: 'steadier on your video',
  quantize: '8-bit integers',
  report: 'tables, HTML',
  demo: 'all at once',
  cli: 'the commands',
};

/** Which folders of `src` each folder imports, from the text of its files. */
export function readImports(src: string): Map<string, Set<string>> {
  const imports = new Map<string, Set<string>>();
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' }).sort()) {
    const [folder] = file.split('/');
    if (!file.endsWith('.ts') || folder === file) continue;
    const found = imports.get(folder) ?? new Set<string>();
    imports.set(folder, found);
    const text = readFileSync(join(src, file), 'utf8');
    for (const [, path] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const [other] = relative(src, resolve(src, dirname(file), path)).split('/');
      if (other !== folder) found.add(other);
    }
  }
  return imports;
}

/** Imports that follow from no chain of others. */
export function necessaryImports(imports: ReadonlyMap<string, ReadonlySet<string>>): [from: string, to: string][] {
  const reaches = (from: string, to: string): boolean =>
    [...(imports.get(from) ?? [])].some((next) => next === to || reaches(next, to));
  return [...imports].flatMap(([from, direct]) =>
    [...direct]
      .filter((to) => ![...direct].some((other) => other !== to && reaches(other, to)))
      .map((to): [string, string] => [from, to]),
  );
}

const box = { width: 150, height: 52, gapX: 26, gapY: 58, margin: 24 };

/** The picture as SVG. */
export function drawArchitecture(imports: ReadonlyMap<string, ReadonlySet<string>>): string {
  const level = new Map<string, number>();
  const levelOf = (folder: string): number => {
    const known = level.get(folder);
    if (known !== undefined) return known;
    const found = 1 + Math.max(-1, ...[...(imports.get(folder) ?? [])].map(levelOf));
    level.set(folder, found);
    return found;
  };
  const rows: string[][] = [];
  for (const folder of imports.keys()) {
    if (!Object.hasOwn(purposes, folder))
      throw new Error(`say in scripts/architectureDocs.ts what src/${folder} holds`);
    const at = levelOf(folder);
    rows[at] ??= [];
    rows[at].push(folder);
  }
  rows.reverse();
  const edges = necessaryImports(imports);
  const columns = Math.max(...rows.map((row) => row.length));
  const width = 2 * box.margin + columns * box.width + (columns - 1) * box.gapX;
  const height = 2 * box.margin + rows.length * box.height + (rows.length - 1) * box.gapY;
  const place = new Map<string, { x: number; y: number }>();
  const layOut = () => {
    for (const [r, row] of rows.entries()) {
      const used = row.length * box.width + (row.length - 1) * box.gapX;
      for (const [k, folder] of row.entries()) {
        const x = (width - used) / 2 + k * (box.width + box.gapX);
        place.set(folder, { x, y: box.margin + r * (box.height + box.gapY) });
      }
    }
  };
  layOut();
  // A folder moves below the middle of those that import it, row by row: fewer lines cross.
  for (const row of rows) {
    const middle = (folder: string) => {
      const above = edges.filter(([, to]) => to === folder).map(([from]) => place.get(from)?.x ?? 0);
      return above.length === 0 ? (place.get(folder)?.x ?? 0) : above.reduce((sum, x) => sum + x, 0) / above.length;
    };
    const order = new Map(row.map((folder) => [folder, middle(folder)]));
    row.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    layOut();
  }
  const at = (folder: string) => place.get(folder) ?? { x: 0, y: 0 };
  const lines = edges.map(([from, to]) => {
    const [x1, y1] = [at(from).x + box.width / 2, at(from).y + box.height];
    const [x2, y2] = [at(to).x + box.width / 2, at(to).y - 5];
    const bend = Math.max(24, (y2 - y1) * 0.4);
    return `<path d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}"/>`;
  });
  const boxes = [...place].map(
    ([folder, { x, y }]) =>
      `<g transform="translate(${x} ${y})"><rect width="${box.width}" height="${box.height}" rx="8"/>` +
      `<text class="name" x="${box.width / 2}" y="22">${folder}/</text>` +
      `<text x="${box.width / 2}" y="40">${purposes[folder]}</text></g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="The folders of src/ and what they import">
<style>.ground{fill:#fff;stroke:none}rect{fill:#eef3fb;stroke:#4a6fa5}path{fill:none;stroke:#8a97a8;stroke-width:1.3;marker-end:url(#tip)}text{font:12px system-ui,sans-serif;text-anchor:middle;fill:#51606f}.name{font-weight:600;font-size:14px;fill:#1d2733}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#8a97a8;stroke:none;marker-end:none"/></marker></defs>
<rect class="ground" width="100%" height="100%"/>
${[...lines, ...boxes].join('\n')}
</svg>
`;
}

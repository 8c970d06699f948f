// The style sheet of reports: phone, desk and paper; light and dark.

export const styleSheet = `
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #17202b; --soft: #5b6775; --rule: #dfe4ea; --track: #e9edf2;
  --tone-0: #1f6fd6; --tone-1: #d9730d; --tone-2: #4b5563; --tone-3: #0f8f6f; --dot: #c81e4a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #10151c; --card: #19212b; --ink: #e8edf3; --soft: #9aa8b8; --rule: #2c3744; --track: #27313d;
    --tone-0: #5ea3f7; --tone-1: #f0994a; --tone-2: #b4bfcc; --tone-3: #3cc39c; --dot: #ff6b8f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 56px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 0 0 4px; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: 0; }
.subtitle { color: var(--soft); margin-top: 6px; overflow-wrap: anywhere; }
.tone-0 { --tone: var(--tone-0); } .tone-1 { --tone: var(--tone-1); } .tone-2 { --tone: var(--tone-2); } .tone-3 { --tone: var(--tone-3); }
section, .figure { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
section { padding: 20px; margin-top: 18px; }
.text, .notes { color: var(--soft); font-size: 0.94rem; max-width: 46rem; }
.notes { margin: 14px 2px 0; }
.notes p + p { margin-top: 4px; }

.figures { display: flex; flex-wrap: wrap; gap: 14px; margin-top: 22px; }
.figure { flex: 1 1 200px; padding: 14px 18px 16px; }
.figure .name { font-size: 0.94rem; overflow-wrap: anywhere; color: var(--soft); }
.figure .value { font-size: 2.1rem; line-height: 1.25; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; color: var(--tone); }
.figure .track { height: 8px; margin-top: 6px; }
.figure .hint { font-size: 0.86rem; color: var(--soft); margin-top: 8px; }

.track { position: relative; background: var(--track); border-radius: 3px; }
.track .bar { display: block; height: 8px; background: var(--tone); border-radius: 3px; min-width: 1px; }
.track .mark { position: absolute; top: -3px; bottom: -3px; width: 3px; margin-left: -1.5px; background: var(--tone, var(--ink)); border-radius: 1px; box-shadow: 0 0 0 1px var(--card); }
.figure .track .mark { background: var(--tone-2); }

.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 14px; font-size: 0.88rem; color: var(--soft); }
.key { display: inline-flex; align-items: center; gap: 7px; }
.key i { flex: none; }
.key .bar { width: 18px; height: 8px; border-radius: 3px; background: var(--tone); }
.key .mark { width: 3px; height: 15px; border-radius: 1px; background: var(--tone); }
.key .line { width: 18px; height: 3px; border-radius: 2px; background: var(--tone); }
.swatch { display: inline-block; flex: none; width: 13px; height: 13px; border-radius: 3px; border: 1px solid rgba(127, 127, 127, 0.6); }

.row { display: grid; grid-template-columns: minmax(110px, 190px) 1fr auto; gap: 4px 16px; align-items: center; padding: 6px 0; }
.row + .row { border-top: 1px solid var(--rule); }
.row .name { display: flex; align-items: center; gap: 9px; overflow-wrap: anywhere; min-width: 0; }
.row .track { padding: 1px 0; }
.row .track .bar + .bar { margin-top: 2px; }
.numbers { display: flex; gap: 14px; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
.numbers span { min-width: 3.1em; text-align: right; color: var(--tone); font-weight: 550; }

.chart { display: grid; grid-template-columns: auto 1fr; gap: 0 10px; padding: 8px 6px 0 0; }
.yTicks { position: relative; height: 240px; min-width: 3.6em; }
.yTicks span { position: absolute; right: 0; transform: translateY(50%); }
.plot { position: relative; height: 240px; }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.plot .rule { stroke: var(--rule); stroke-width: 1px; }
.plot .line { stroke: var(--tone); stroke-width: 2px; }
.dot { position: absolute; width: 10px; height: 10px; margin: 0 0 -5px -5px; border-radius: 50%; background: var(--dot); border: 2px solid var(--card); }
.key .dot { position: static; margin: 0; }
.xTicks { grid-column: 2; position: relative; height: 1.6em; margin-top: 4px; }
.xTicks span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.xName { grid-column: 2; text-align: center; }
.yTicks, .xTicks, .xName { font-size: 0.82rem; color: var(--soft); font-variant-numeric: tabular-nums; }

.group { margin-top: 18px; padding-top: 16px; border-top: 1px solid var(--rule); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr)); gap: 14px; margin-top: 10px; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: 5px; background: var(--track); }
figcaption { font-size: 0.86rem; color: var(--soft); margin-top: 5px; }

.scroll { overflow-x: auto; margin-top: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 0.94rem; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 550; white-space: nowrap; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); }
tr > .right { text-align: right; }
tr > :last-child { padding-right: 0; }

.histories { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 12px 28px; margin-top: 12px; }
.history { display: grid; grid-template-columns: 1fr auto; gap: 2px 10px; align-items: baseline; break-inside: avoid; }
.history .name { display: flex; align-items: center; gap: 9px; min-width: 0; overflow-wrap: anywhere; }
.history .numbers { gap: 10px; align-items: baseline; }
.history small { color: var(--soft); }
.history svg { grid-column: 1 / -1; display: block; width: 100%; height: 34px; overflow: visible; }
.history path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.history .rule { stroke: var(--rule); stroke-width: 1px; }
.history .line { stroke: var(--tone-0); stroke-width: 2px; }

.matrix { width: auto; min-width: 100%; font-size: 0.82rem; table-layout: auto; }
.matrix th, .matrix td { padding: 0; border: 1px solid var(--card); }
.matrix thead th { vertical-align: bottom; text-align: center; }
.matrix thead th span { display: block; writing-mode: vertical-rl; transform: rotate(180deg); margin: 4px auto; max-height: 9em; overflow: hidden; text-overflow: ellipsis; }
.matrix tbody th { position: sticky; left: 0; background: var(--card); padding-right: 10px; color: var(--ink); }
.matrix tbody th .swatch { margin-right: 7px; vertical-align: -2px; }
.matrix td { height: 2em; min-width: 2.1em; text-align: center; background: color-mix(in srgb, var(--cell) var(--share), var(--track)); }
.matrix .hit { --cell: var(--tone-0); } .matrix .miss { --cell: var(--dot); }
.matrix .dark { color: var(--card); }
.mistakes { columns: 260px; margin: 14px 0 0; padding-left: 1.2em; font-size: 0.94rem; }
.mistakes li { break-inside: avoid; }

dl { display: grid; grid-template-columns: minmax(110px, auto) 1fr; gap: 5px 20px; margin: 10px 0 0; font-size: 0.94rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }

@media screen and (max-width: 640px) {
  main { padding: 18px 12px 40px; }
  h1 { font-size: 1.4rem; }
  section { padding: 16px 14px; margin-top: 14px; }
  .figures { gap: 10px; margin-top: 16px; }
  .figure { flex-basis: 150px; padding: 11px 13px 13px; }
  .figure .value { font-size: 1.65rem; }
  .row { grid-template-columns: 1fr auto; gap: 3px 10px; padding: 8px 0; }
  .row .track { grid-row: 2; grid-column: 1 / -1; }
  .numbers { gap: 8px; }
  .yTicks, .plot { height: 190px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@page { margin: 14mm; }
@media print {
  :root { --page: #ffffff; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0 2px; }
  section, .figure { border-radius: 0; }
  section { padding: 0; border: 0; margin-top: 20px; }
  .figure { flex-basis: 120px; }
  .row { padding: 3px 0; }
  .yTicks, .plot { height: 42mm; }
  .chart { padding-top: 4px; }
  .figure, .row, .lines, .legend, .group, figure, tr { break-inside: avoid; }
  h2, h3, .text, .legend { break-after: avoid; }
  .grid { grid-template-columns: repeat(3, 1fr); gap: 8px 12px; max-width: 150mm; }
  .group { margin-top: 10px; padding-top: 10px; }
}
`;

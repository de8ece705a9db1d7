/** The status page's style sheet. It is text, and not a file of its own, so that it is found wherever the program is built. */

const light = `
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2230; --soft: #566072; --line: #d9dde4; --link: #1a56b0;
  --good: #14703a; --bad: #b3261e; --warn: #8a5300; --bad-card: #fdf0ef; --note: #fff6db; --note-line: #d9b24a;
  --p0: #2563b8; --p1: #c2570c; --p2: #2e7d4f; --p3: #7c4dbd; --p4: #0f7f8c; --p5: #7a828e;
  --unknown: #e4e7ec; --track: #e4e7ec; --grid: #e4e7ec;`;

const dark = `
  --page: #10141b; --card: #181e28; --ink: #e8ebf0; --soft: #a3adbd; --line: #313a48; --link: #8bb8ff;
  --good: #6fd39a; --bad: #ff9a90; --warn: #f2bd6b; --bad-card: #2d1b1d; --note: #2e2713; --note-line: #8a6d1f;
  --p0: #6ea8fe; --p1: #f0a35e; --p2: #6fce97; --p3: #b99cf5; --p4: #5cc8d4; --p5: #8d97a6;
  --unknown: #2a3240; --track: #2f3847; --grid: #2a3240;`;

export const styleSheet = `
:root { color-scheme: light dark;${light} }
@media (prefers-color-scheme: dark) { :root {${dark} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.2rem; display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; align-items: baseline; justify-content: space-between; }
h1 { font-size: 1.15rem; margin: 0; } h2 { font-size: 1.1rem; margin: 0 0 .6rem; } h3 { font-size: .95rem; margin: 1.2rem 0 .4rem; }
p { margin: .3rem 0; } a { color: var(--link); } nav { display: flex; flex-wrap: wrap; gap: 0 1.1rem; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; margin: 1rem 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: -1px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
.simulated { background: var(--note); border: 1px solid var(--note-line); border-radius: 10px; padding: .5rem 1.1rem; margin: 1rem 0 0; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.verdict { font-size: 1.45rem; font-weight: 650; line-height: 1.3; margin: 0; }
.stale { color: var(--bad); font-weight: 600; min-height: 0; margin: 0; }
.tiles { display: grid;  grid-template-columns: repeat(auto-fit, minmax(8.2rem, 1fr)); gap: .8rem; margin: 1rem 0 0; padding: 0; }
.tiles div { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
.tiles dt { color: var(--soft); font-size: .85rem; } .tiles dd { margin: 0; }
.tiles .figure { font-size: 1.5rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles .small { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
.apis { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin: .9rem 0 0; padding: 0; font-size: .9rem; }
.failures { list-style: none; margin: 1rem 0 0; padding: 0; }
.failures li { background: var(--bad-card); border-left: 4px solid var(--bad); border-radius: 6px; padding: .5rem .9rem; margin: .5rem 0; overflow-wrap: anywhere; }
.failures .note { background: var(--note); border-left-color: var(--note-line); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { text-align: left; padding: .32rem .9rem .32rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 550; font-size: .85rem; white-space: nowrap; } tbody th { font-weight: 500; }
tbody tr:last-child > * { border-bottom: 0; }
th.number, td.number { text-align: right; white-space: nowrap; } .share { width: 22%; min-width: 5rem; vertical-align: middle; } .id { overflow-wrap: anywhere; min-width: 8rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 0 2rem; } .pair > * { min-width: 0; }
details { margin: .5rem 0 0; } summary { color: var(--link); cursor: pointer; width: fit-content; font-size: .9rem; }
.chart { margin: 0; } .legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .85rem; margin-bottom: .5rem; color: var(--soft); }
.legend span { display: inline-flex; align-items: center; gap: .4rem; overflow-wrap: anywhere; } .key { width: .8rem; height: .8rem; flex: none; }
.plot { display: grid; grid-template-columns: auto 1fr; gap: 0 .5rem; } .plot > svg { width: 100%; height: 11rem; display: block; overflow: visible; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; font-size: .8rem; color: var(--soft); line-height: 1; min-width: 2.6rem; }
.marks { grid-column: 2; display: flex; font-size: .8rem; color: var(--soft); line-height: 1.6; height: 1.4rem; } .marks span { flex: 1 1 0; width: 0; white-space: nowrap; overflow: visible; }
.grid { stroke: var(--grid); } .base { stroke: var(--soft); } .aim { stroke: var(--ink); stroke-dasharray: 5 4; } .grid, .base, .aim { stroke-width: 1; vector-effect: non-scaling-stroke; }
.hit { fill: transparent; } .bar:hover .hit { fill: var(--grid); } .provisional [class^="part-"] { opacity: .55; }
.part-0 { fill: var(--p0); } .part-1 { fill: var(--p1); } .part-2 { fill: var(--p2); } .part-3 { fill: var(--p3); } .part-4 { fill: var(--p4); } .part-5 { fill: var(--p5); }
.faint { fill: var(--p0); opacity: .55; } .unknown { fill: var(--unknown); } .bar [class^="part-"] { stroke: var(--card); stroke-width: 1; vector-effect: non-scaling-stroke; }
.key .unknown { stroke: var(--soft); }
.part { display: grid; grid-template-columns: minmax(3rem, 1fr) 2.9rem; gap: .6rem; align-items: center; } .part.wide { grid-template-columns: minmax(3rem, 1fr) 6rem; }
.meter { width: 100%; height: .55rem; display: block; border-radius: 3px; } .track { fill: var(--track); } .plain { fill: var(--p0); } .near { fill: var(--warn); } .over { fill: var(--bad); }
.budget { display: grid; gap: .3rem; margin: .4rem 0 1rem; } .budget .meter { height: .9rem; }
footer { color: var(--soft); font-size: .85rem; padding-bottom: 2rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) { section { padding: .8rem; } .verdict { font-size: 1.2rem; } .plot > svg { height: 9rem; } th, td { padding-right: .6rem; } }
`;

/** The style of the live page. */

/** Goes into the page's only `style`. */
export const INSPECT_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --panel: #ffffff; --edge: #dde2e8; --grid: #e9edf1; --track: #edf0f4;
  --text: #14181f; --quiet: #56606e;
  --one: #1d5fd1; --two: #b4500b; --three: #8a2da8; --good: #19703d; --bad: #b3261e; --bad-ground: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1116; --panel: #161a20; --edge: #2a3038; --grid: #222831; --track: #242a33;
    --text: #e7eaee; --quiet: #9aa4b2;
    --one: #74abff; --two: #f2a65a; --three: #d59bec; --good: #63d08f; --bad: #ff8b81; --bad-ground: #34191a;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums;
  -webkit-text-size-adjust: 100%;
}
h1, h2, h3, p, dl, dd, ul, figure { margin: 0; padding: 0; }
h1 { font-size: 17px; font-weight: 650; }
h2, h3 { font-size: 13px; font-weight: 600; }
ul { list-style: none; }
.quiet, .note, dt { color: var(--quiet); font-size: 12px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.panel { background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 14px; }
.bar { display: flex; align-items: baseline; gap: 4px 10px; flex-wrap: wrap; min-height: 24px; }
button {
  font: inherit; font-size: 12px; color: var(--text); background: var(--panel); border: 1px solid var(--edge);
  border-radius: 6px; padding: 3px 10px; cursor: pointer;
}
button:hover { border-color: var(--quiet); }
button[aria-pressed="true"] { background: var(--text); color: var(--panel); border-color: var(--text); }
:focus-visible { outline: 2px solid var(--one); outline-offset: 2px; }

header {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; justify-content: space-between; gap: 6px 20px;
  align-items: center; padding: 10px 20px; background: var(--panel); border-bottom: 1px solid var(--edge);
}
.who, .feed { display: flex; align-items: center; gap: 6px 12px; flex-wrap: wrap; min-width: 0; }
h1, .address { overflow-wrap: anywhere; unicode-bidi: isolate; }
.address { color: var(--quiet); }
.badge { font-size: 12px; padding: 1px 9px; border: 1px solid currentColor; border-radius: 99px; color: var(--quiet); }
.badge[data-state="listening"] { color: var(--good); }
.badge[data-state="draining"] { color: var(--two); }
#pause { min-width: 68px; }
.live { display: flex; gap: 10px; align-items: center; justify-content: flex-end; min-width: 172px; white-space: nowrap; }
#feed::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--quiet); display: inline-block; margin-right: 7px; }
[data-feed="live"] #feed::before { background: var(--good); }
[data-feed="lost"] #feed::before { background: var(--bad); }
[data-feed="lost"] #feed { color: var(--bad); font-weight: 600; }
.past { color: var(--one); font-weight: 600; }
.notice {
  position: fixed; left: 50%; transform: translateX(-50%); bottom: 16px; z-index: 2;
  max-width: calc(100vw - 32px); width: max-content; padding: 10px 16px; border-radius: 8px;
  color: var(--bad); background: var(--bad-ground); border: 1px solid currentColor;
}
[data-feed="lost"] :is(#main, #state) { opacity: .75; filter: grayscale(1); }

main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 12px; max-width: 1680px; margin: 0 auto; padding: 14px 20px 28px; }
.figures { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; }
.figure { padding: 10px 14px; border-left: 1px solid var(--edge); min-width: 0; }
.figure:nth-child(5n + 1) { border-left: 0; }
.figure:nth-child(n + 6) { border-top: 1px solid var(--edge); }
.figure dd:not(.note) { font-size: 21px; line-height: 1.3; font-weight: 600; white-space: nowrap; letter-spacing: -.01em; }
.note { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.bad { color: var(--bad); }

.plots { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; }
.plot { display: grid; grid-template-columns: 66px minmax(0, 1fr); grid-template-rows: auto auto 120px auto; align-content: start; }
.plot > .bar, .legend { grid-column: 1 / -1; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 12px; color: var(--quiet); margin-bottom: 10px; }
.legend li { display: flex; align-items: center; gap: 6px; white-space: nowrap; }
.value { color: var(--text); font-weight: 600; min-width: 44px; }
.long .value { min-width: 66px; }
.swatch { width: 14px; border-top: 2px solid; }
.swatch.one { color: var(--one); } .swatch.two { color: var(--two); }
.swatch.three { color: var(--three); }
.y-axis { display: flex; flex-direction: column; justify-content: space-between; text-align: right; padding-right: 8px; margin: -8px 0; }
.y-axis, .x-axis { font-size: 11px; line-height: 16px; color: var(--quiet); white-space: nowrap; }
.x-axis { grid-column: 2; display: flex; justify-content: space-between; padding-top: 4px; margin-right: -4px; }
.x-axis span { width: 0; display: flex; justify-content: center; }
.x-axis span:first-child { justify-content: flex-start; }
.x-axis span:last-child { justify-content: flex-end; }
.field { position: relative; touch-action: pan-y; }
svg { display: block; width: 100%; height: 100%; overflow: visible; }
svg * { vector-effect: non-scaling-stroke; }
.grid { stroke: var(--grid); }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; }
.line.one { stroke: var(--one); } .line.two { stroke: var(--two); }
.line.three { stroke: var(--three); }
.area { fill: var(--one); opacity: .12; stroke: none; }
.cursor { stroke: var(--quiet); }

.lower { display: grid; grid-template-columns: minmax(0, 1fr) 300px; gap: 12px; align-items: start; }
.side, #rooms { display: grid; gap: 12px; }
.choice { display: flex; margin-left: auto; }
.choice button { border-radius: 0; }
.choice button:first-child { border-radius: 6px 0 0 6px; border-right: 0; }
.choice button:last-child { border-radius: 0 6px 6px 0; }
.connections { min-height: 320px; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; margin-top: 8px; }
th { font-size: 12px; font-weight: 500; color: var(--quiet); text-align: left; border-bottom: 1px solid var(--edge); }
th, td { padding: 4px 6px; height: 28px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
td { border-bottom: 1px solid var(--grid); }
th:first-child, td:first-child { padding-left: 0; }
.number { text-align: right; }
.peer { width: 21%; unicode-bidi: isolate; }
.queue { width: 142px; padding-left: 18px; }
.marks { width: 116px; padding-left: 14px; }
td.queue { display: table-cell; }
td.queue > span:first-child { display: inline-block; width: 72px; }
.gauge { display: inline-block; width: 36px; height: 6px; border-radius: 3px; background: var(--track); overflow: hidden; vertical-align: middle; }
.gauge .stripe { display: block; height: 100%; background: var(--one); }
.gauge.nothing { visibility: hidden; }
.blocked .gauge .stripe { background: var(--bad); }
.blocked .marks { color: var(--bad); }
.empty { padding: 28px 0; text-align: center; color: var(--quiet); }

.tally { margin-top: 6px; }
.tally li { position: relative; display: flex; justify-content: space-between; gap: 12px; padding: 3px 0 7px; }
.tally .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: isolate; }
.tally .amount { font-weight: 600; }
.tally .stripe { position: absolute; left: 0; bottom: 2px; height: 3px; border-radius: 2px; background: var(--one); }
.tally .odd .stripe { background: var(--two); }
.tally .nothing, .tally .nothing .amount { color: var(--quiet); font-weight: 400; }

.troubles { list-style: none; margin: 6px 0 0; padding: 0; min-height: 141px; }
.troubles li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 12px; height: 47px; align-content: start; line-height: 1.35; }
.troubles .what { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.troubles .often { font-weight: 600; }
.troubles .quiet { grid-column: 1 / -1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: isolate; }
.troubles .nothing { color: var(--quiet); }

.door { max-width: 360px; margin: 12vh auto 0; }
.door form { display: grid; gap: 8px; margin-top: 12px; }
.door input, .door button { font: inherit; padding: 8px 10px; border: 1px solid var(--edge); border-radius: 6px; background: var(--panel); color: var(--text); }

@media (max-width: 1240px) { .wide { display: none; } }
@media (max-width: 1100px) {
  .plots { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .lower { grid-template-columns: minmax(0, 1fr); }
  .side { grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); align-items: start; }
}
@media (max-width: 700px) {
  header { position: static; padding: 10px 12px; }
  main { padding: 10px 10px 24px; gap: 10px; }
  .plots { grid-template-columns: minmax(0, 1fr); gap: 10px; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .figure:nth-child(n) { border-left: 1px solid var(--edge); }
  .figure:nth-child(odd) { border-left: 0; }
  .figure:nth-child(n + 3) { border-top: 1px solid var(--edge); }
  .middle { display: none; }
  table { font-size: 13px; }
  th, td { padding: 4px 3px; }
  .peer { width: auto; }
  .number { width: 20%; }
  .queue { width: 22%; text-align: right; }
  td.queue > span:first-child { width: auto; }
  .gauge { display: none; }
}
`;

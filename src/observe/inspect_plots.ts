/** The part of the live page's script that says numbers and draws plots: JavaScript as text. */

/** Goes in front of `INSPECT_SCRIPT`. */
export const INSPECT_PLOTS = String.raw`
// ---- Numbers as people read them ----

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 1,234,567 */
function count(value) {
  return whole.format(value);
}

/** Three digits, and a unit: 12 B, 1.50 KiB, 12.0 MiB. */
function scaled(value, step, units) {
  let unit = 0;
  while (value >= step * 0.9995 && unit < units.length - 1) {
    value /= step;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits) + units[unit];
}

function bytes(value) {
  return scaled(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]);
}

function bytesPerSecond(value) {
  return bytes(value) + "/s";
}

/** Few of something want a decimal when they are a rate. */
function perSecond(value) {
  return (value === 0 ? "0" : value < 9.95 ? value.toFixed(1) : scaled(value, 1000, ["", " k", " M", " G"])) + "/s";
}

function short(value) {
  return value < 100000 ? count(value) : scaled(value, 1000, ["", " k", " M", " G"]);
}

/** 8 s, 4 m 05 s, 3 h 20 m, 2 d 7 h */
function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " m " + String(s % 60).padStart(2, "0") + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + String(Math.floor(s / 60) % 60).padStart(2, "0") + " m";
  return Math.floor(s / 86400) + " d " + Math.floor(s / 3600) % 24 + " h";
}

/** On an axis numbers are round. */
function round(text) {
  return text.replace(/\.0+(?!\d)/, "");
}

function clockTime(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

// ---- Elements: text goes in as text, never as markup ----

const SVG = "http://www.w3.org/2000/svg";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  return made;
}

/** What has not changed is left alone: nothing to lay out, nothing to paint. */
function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

// ---- Plots ----

const WINDOW_MS = 300000;
// A second that is missing is bridged, a longer silence is a gap.
const GAP_MS = 3500;
const WIDTH = 600;
const HEIGHT = 100;

const PLOTS = [
  { title: "Connections", unit: short, series: [
    { key: "open", name: "open" },
    { key: "blocked", name: "over high-water mark" },
  ] },
  { title: "Arrivals and departures", unit: perSecond, rate: true, series: [
    { key: "accepted", name: "accepted" },
    { key: "closed", name: "closed" },
  ] },
  { title: "Refused and failed", unit: perSecond, rate: true, series: [
    { key: "dropped", name: "dropped" },
    { key: "failed", name: "failed" },
    { key: "acceptErrors", name: "accept errors" },
  ] },
  { title: "Traffic", unit: bytesPerSecond, rate: true, binary: true, series: [
    { key: "bytesRead", name: "read" },
    { key: "bytesWritten", name: "written" },
  ] },
  { title: "Messages", unit: perSecond, rate: true, series: [
    { key: "messagesReceived", name: "received" },
    { key: "messagesSent", name: "sent" },
  ] },
  { title: "Held in memory", unit: bytes, binary: true, series: [
    { key: "heldBytes", name: "held" },
    { key: "queuedBytes", name: "of it to be sent" },
  ] },
];

/** The end of an axis: 2, 4, 6 or 10 times a power of ten of its unit, so that its half is a round number too. */
function axisEnd(value, binary) {
  let power = 1;
  if (binary) while (power * 1000 < value) power *= 1024;
  for (;; power *= 10) for (const step of [2, 4, 6, 10]) if (step * power >= value) return step * power;
}

/** What a series shows at a sample; undefined where it has nothing to say. */
function valueAt(samples, index, key, rate) {
  const sample = samples[index];
  if (sample === undefined || sample[key] === undefined) return undefined;
  if (!rate) return sample[key];
  const before = samples[index - 1];
  if (before === undefined || before[key] === undefined || sample.at - before.at > GAP_MS) return undefined;
  return Math.max(0, (sample[key] - before[key]) * 1000 / (sample.at - before.at));
}

/** Builds a plot with its title, legend and axes; draw() moves its lines. */
function makePlot(plot) {
  const figure = element("figure", "panel plot");
  const caption = element("figcaption", "bar");
  caption.append(element("h3", "", plot.title));
  const legend = element("ul", plot.binary ? "legend long" : "legend");
  const svg = shape("svg", { viewBox: "0 0 " + WIDTH + " " + HEIGHT, preserveAspectRatio: "none", role: "img" });
  svg.setAttribute("aria-label", plot.title + " over the last five minutes");
  for (const y of [0, 50, 100]) svg.append(shape("line", { class: "grid", x1: 0, x2: WIDTH, y1: y, y2: y }));
  for (let minute = 1; minute < 5; minute++) {
    const x = WIDTH * minute / 5;
    svg.append(shape("line", { class: "grid", x1: x, x2: x, y1: 0, y2: HEIGHT }));
  }
  const area = shape("path", { class: "area one" });
  svg.append(area);
  const lines = plot.series.map((series, index) => {
    const ink = ["one", "two", "three"][index];
    const entry = element("li");
    const value = element("span", "value", "–");
    entry.append(element("span", "swatch " + ink), element("span", "", series.name), value);
    legend.append(entry);
    const path = shape("path", { class: "line " + ink });
    svg.append(path);
    return { path, value, series };
  });
  const cursor = shape("line", { class: "cursor", y1: 0, y2: HEIGHT, x1: 0, x2: 0, visibility: "hidden" });
  svg.append(cursor);
  const yAxis = element("div", "y-axis");
  const ends = [element("span"), element("span"), element("span", "", round(plot.unit(0)))];
  yAxis.append(...ends);
  const xAxis = element("div", "x-axis");
  for (const label of ["−5 min", "−4", "−3", "−2", "−1", "now"]) xAxis.append(element("span", "", label));
  const field = element("div", "field");
  field.append(svg);
  figure.append(caption, legend, yAxis, field, xAxis);
  return { ...plot, figure, field, area, lines, cursor, ends };
}

/** Draws the lines of a plot; the legend says what is at the pointer, else what is now. */
function draw(plot, samples, pointed) {
  const end = samples.length === 0 ? 0 : samples[samples.length - 1].at;
  let most = plot.binary ? 1024 : 2;
  const values = plot.lines.map(({ series }) => samples.map((_, index) => {
    const value = valueAt(samples, index, series.key, plot.rate);
    if (value > most) most = value;
    return value;
  }));
  const top = axisEnd(most, plot.binary);
  say(plot.ends[0], round(plot.unit(top)));
  say(plot.ends[1], round(plot.unit(top / 2)));
  const xOf = (at) => ((at - end + WINDOW_MS) / WINDOW_MS * WIDTH).toFixed(1);
  plot.lines.forEach(({ path, value }, line) => {
    let d = "";
    let area = "";
    let from; // where the piece began that is being drawn
    let last;
    const finish = () => {
      if (from !== undefined) area += "L" + xOf(last) + " " + HEIGHT + "L" + xOf(from) + " " + HEIGHT + "Z";
      from = undefined;
    };
    samples.forEach((sample, index) => {
      const y = values[line][index];
      if (y === undefined || (from !== undefined && sample.at - last > GAP_MS)) finish();
      if (y === undefined) return;
      const point = xOf(sample.at) + " " + (HEIGHT - y / top * HEIGHT).toFixed(1);
      d += (from === undefined ? "M" : "L") + point;
      area += (from === undefined ? "M" : "L") + point;
      if (from === undefined) from = sample.at;
      last = sample.at;
    });
    finish();
    path.setAttribute("d", d);
    if (line === 0) plot.area.setAttribute("d", area);
    const shown = values[line][pointed === undefined ? samples.length - 1 : pointed];
    say(value, shown === undefined ? "–" : plot.unit(shown));
  });
  plot.cursor.setAttribute("visibility", pointed === undefined ? "hidden" : "visible");
  if (pointed === undefined) return;
  plot.cursor.setAttribute("x1", xOf(samples[pointed].at));
  plot.cursor.setAttribute("x2", xOf(samples[pointed].at));
}
`;

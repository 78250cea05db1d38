/** The part of the live page's script that follows the messages and shows what they say: JavaScript as text. */

/** Goes behind `INSPECT_PLOTS`. */
export const INSPECT_SCRIPT = String.raw`
// ---- What is known ----

const $ = (id) => document.getElementById(id);
const plots = PLOTS.map(makePlot);
$("plots").append(...plots.map(({ figure }) => figure));

let latest; // the last message
let samples = [];
let paused = false;
let byQueue = false;
let pointed; // how long ago the pointer points, as a part of the window

// ---- Figures ----

function rateNow(key) {
  const value = valueAt(samples, samples.length - 1, key, true);
  return value === undefined ? "–" : perSecond(value);
}

function showFigures({ metrics }) {
  const sample = samples[samples.length - 1];
  const figure = (id, value, note) => {
    say($(id), value);
    say($(id + "-note"), note);
  };
  figure("open", count(metrics.open), count(metrics.preparing) + " being prepared");
  figure("accepted", count(metrics.accepted), rateNow("accepted"));
  figure("closed", count(sample.closed), rateNow("closed"));
  figure("dropped", count(sample.dropped), rateNow("dropped"));
  figure("failed", count(metrics.failed), count(metrics.acceptErrors) + " accept errors");
  figure("bytesRead", bytes(metrics.bytesRead), count(metrics.bytesRead) + " B");
  figure("bytesWritten", bytes(metrics.bytesWritten), count(metrics.bytesWritten) + " B");
  figure("messagesReceived", count(metrics.messagesReceived), rateNow("messagesReceived"));
  figure("messagesSent", count(metrics.messagesSent), rateNow("messagesSent"));
  figure("heldBytes", bytes(metrics.heldBytes), count(metrics.heldBytes) + " B");
  $("dropped").classList.toggle("bad", sample.dropped > 0);
  $("failed").classList.toggle("bad", metrics.failed > 0);
}

// ---- Tallies: what has happened, in an order that stays ----

const REASONS = {
  local: "we ended first, the peer followed",
  peer: "the peer ended first, we followed",
  reset: "the peer reset the connection, or was gone",
  truncated: "TLS ended without its last word",
  destroyed: "destroyed by the program",
  error: "destroyed with an error, or a handler threw",
  protocol: "the peer broke the protocol",
  overflow: "too much waited to be sent, or was held",
  shed: "never sent a byte, and made room for another",
  shutdown: "the drain ran out of time",
  refused: "a connect that failed",
  tls: "the handshake failed",
  "deadline:connect": "connecting took too long",
  "deadline:proxy": "the PROXY header took too long",
  "deadline:handshake": "the handshake took too long",
  "deadline:firstByte": "the first byte took too long",
  "deadline:frame": "a frame took too long",
  "deadline:idle": "silent for too long",
  "deadline:rate": "sent too slowly",
  "deadline:flush": "took too slowly what we sent",
  "deadline:end": "did not end after we did",
  "deadline:lifetime": "was open for as long as allowed",
  heartbeat: "did not answer pings",
  denied: "by address: denied, or not allowed",
  rate: "too many from one address in a second",
  address: "too many open from one address",
  full: "too many open in all",
};
const ORDERLY = ["local", "peer"];

function showTally(list, entries, nothing) {
  const most = Math.max(1, ...entries.map(([, value]) => value ?? 0));
  const shown = entries.length === 0 ? [[nothing, undefined]] : entries;
  while (list.children.length > shown.length) list.lastChild.remove();
  while (list.children.length < shown.length) {
    const item = element("li");
    item.append(element("span", "name"), element("span", "amount"), element("span", "stripe"));
    list.append(item);
  }
  shown.forEach(([name, value, why, odd], index) => {
    const item = list.children[index];
    const [label, amount, stripe] = item.children;
    say(label, name);
    item.title = why === undefined ? name : name + ": " + why;
    say(amount, value === undefined ? "" : count(value));
    item.classList.toggle("nothing", !value);
    item.classList.toggle("odd", odd === true);
    stripe.style.width = ((value ?? 0) / most * 100).toFixed(1) + "%";
  });
}

function showReasons({ closed, dropped }) {
  const explain = ([reason, value]) => [reason, value, REASONS[reason], !ORDERLY.includes(reason)];
  showTally($("reasons"), Object.entries(closed).filter(([, value]) => value > 0).map(explain), "Nothing has closed yet");
  showTally($("drops"), Object.entries(dropped).map(explain), "");
}

function showTroubles(troubles) {
  const list = $("troubles");
  const shown = troubles.length === 0 ? [{ what: "None so far" }] : troubles;
  while (list.children.length > shown.length) list.lastChild.remove();
  while (list.children.length < shown.length) {
    const item = element("li");
    item.append(element("span", "what"), element("span", "often"), element("span", "quiet"));
    list.append(item);
  }
  shown.forEach((one, index) => {
    const [what, often, where] = list.children[index].children;
    say(what, one.what);
    what.title = one.what;
    say(often, one.count > 1 ? "×" + count(one.count) : "");
    say(where, one.at === undefined ? "" : [clockTime(one.at), one.peer, one.code].filter(Boolean).join(" · "));
    where.title = where.textContent;
    list.children[index].classList.toggle("nothing", one.at === undefined);
  });
}

function showRooms(rooms) {
  const place = $("rooms");
  while (place.children.length > rooms.length) place.lastChild.remove();
  while (place.children.length < rooms.length) {
    const panel = element("section", "panel");
    const bar = element("div", "bar");
    bar.append(element("h2"), element("span", "quiet"));
    panel.append(bar, element("ul", "tally"));
    place.append(panel);
  }
  rooms.forEach((one, index) => {
    const [bar, list] = place.children[index].children;
    say(bar.children[0], one.label);
    const bus = one.busState === "up" ? "" : ", bus " + one.busState;
    say(bar.children[1], count(one.rooms) + " rooms, " + count(one.members) + " members" + bus);
    const entries = one.largest.map(({ name, members }) => [name, members]);
    if (one.rooms > entries.length) entries.push(["and " + count(one.rooms - entries.length) + " more rooms", undefined]);
    showTally(list, entries, "Nobody is in a room");
  });
}

// ---- Connections ----

const MAX_ROWS = 32; // as many as a message has
const STATES = { opening: "opening", open: "", readOnly: "we ended", writeOnly: "peer ended", closed: "closing" };

function makeRow() {
  const row = element("tr");
  const classes = ["peer", "number", "number", "queue", "number wide", "number wide", "number wide", "number middle",
    "number middle", "marks middle"];
  row.append(...classes.map((name) => element("td", name)));
  const gauge = element("span", "gauge");
  gauge.append(element("span", "stripe"));
  row.children[3].append(element("span"), gauge);
  return row;
}

function showRow(row, one) {
  const cells = row.children;
  const rate = (value) => value === undefined ? "–" : value === 0 ? "0" : bytes(value);
  const peer = one.peer === "" ? "unix socket #" + one.id : one.peer;
  say(cells[0], peer);
  cells[0].title = peer + ", connection " + one.id;
  say(cells[1], rate(one.readRate));
  say(cells[2], rate(one.writeRate));
  const [queued, gauge] = cells[3].children;
  say(queued, one.queuedBytes === 0 ? "0" : bytes(one.queuedBytes));
  gauge.classList.toggle("nothing", one.queuedBytes === 0);
  gauge.firstChild.style.width = Math.min(100, one.queuedBytes / Math.max(1, one.highWaterMarkBytes) * 100).toFixed(1) + "%";
  gauge.title = bytes(one.queuedBytes) + " of " + bytes(one.highWaterMarkBytes) + ", the high-water mark";
  say(cells[4], one.unreadBytes === 0 ? "0" : bytes(one.unreadBytes));
  say(cells[5], bytes(one.bytesRead));
  say(cells[6], bytes(one.bytesWritten));
  say(cells[7], duration(one.ageMs));
  say(cells[8], duration(one.silentMs));
  say(cells[9], [one.tls ? "TLS" : "", STATES[one.state], one.blocked ? "blocked" : ""].filter(Boolean).join(", ") || "open");
  row.classList.toggle("blocked", one.blocked);
}

function showConnections({ connections, address }) {
  const { total, busiest, fullest } = connections;
  const list = byQueue ? fullest : busiest;
  const rows = $("rows");
  while (rows.children.length > list.length) rows.lastChild.remove();
  while (rows.children.length < list.length) rows.append(makeRow());
  list.forEach((one, index) => showRow(rows.children[index], one));
  const kind = byQueue ? "with the fullest queues" : "busiest";
  const cut = list.length >= MAX_ROWS && total > list.length;
  const shown = (cut ? "the " : "") + count(list.length) + (cut ? " " + kind : "");
  say($("shown"), list.length === total ? shown : shown + " of " + count(total));
  $("empty").hidden = list.length > 0;
  say($("empty"), byQueue && total > 0
    ? "Nothing waits to be sent"
    : address === "" ? "No connections" : "No connections to " + address + " now");
}

// ---- The whole page ----

const STATE_WORDS = { listening: "listening", draining: "draining", stopped: "not listening" };

function indexAt(part) {
  if (part === undefined || samples.length === 0) return undefined;
  const at = samples[samples.length - 1].at - WINDOW_MS * (1 - part);
  let best = 0;
  samples.forEach((sample, index) => {
    if (Math.abs(sample.at - at) < Math.abs(samples[best].at - at)) best = index;
  });
  return best;
}

function drawPlots() {
  const index = indexAt(pointed);
  for (const plot of plots) draw(plot, samples, index);
  if (latest === undefined) return;
  say($("clock"), clockTime(index === undefined ? latest.at : samples[index].at));
  $("clock").classList.toggle("past", index !== undefined);
}

function show() {
  if (latest === undefined || paused) return;
  const { name, address, state, viewers } = latest;
  document.title = count(latest.metrics.open) + " open · " + name;
  say($("name"), name);
  say($("address"), address);
  say($("state"), STATE_WORDS[state]);
  $("state").dataset.state = state;
  say($("viewers"), viewers.now + " of " + viewers.max + " viewers");
  showFigures(latest);
  drawPlots();
  showReasons(latest.metrics);
  showTroubles(latest.troubles);
  showRooms(latest.rooms);
  showConnections(latest);
}

function choose(queue) {
  byQueue = queue;
  $("by-rate").setAttribute("aria-pressed", String(!queue));
  $("by-queue").setAttribute("aria-pressed", String(queue));
  if (latest !== undefined) showConnections(latest);
}

$("by-rate").addEventListener("click", () => choose(false));
$("by-queue").addEventListener("click", () => choose(true));
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  say($("pause"), paused ? "Resume" : "Pause");
  document.body.classList.toggle("paused", paused);
  show();
});
for (const { field } of plots) {
  field.addEventListener("pointermove", (event) => {
    const { left, width } = field.getBoundingClientRect();
    pointed = Math.min(1, Math.max(0, (event.clientX - left) / width));
    drawPlots();
  });
  field.addEventListener("pointerleave", () => {
    pointed = undefined;
    drawPlots();
  });
}

// ---- The feed ----

const SILENCE_MS = 5000; // after this long without a message the feed is lost
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10000;

// The token leaves the address, the history and the screen; the cookie that came with the page knows it.
const here = new URL(location.href);
const token = here.searchParams.get("token");
if (token !== null) {
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
}
const headers = { accept: "text/event-stream" };
if (token !== null && !/[^\x21-\x7e]/.test(token)) headers.authorization = "Bearer " + token;

function tellFeed(state, word, notice) {
  document.body.dataset.feed = state;
  say($("feed"), word);
  $("notice").hidden = notice === undefined;
  if (notice !== undefined) say($("notice"), notice);
}

function receive(message) {
  // Counts of another run begin at nothing: they have no past.
  if (latest !== undefined && latest.run !== message.run) samples = [];
  const since = samples.length === 0 ? 0 : samples[samples.length - 1].at;
  samples.push(...message.samples.filter(({ at }) => at > since));
  const oldest = message.at - WINDOW_MS;
  while (samples.length > 0 && samples[0].at < oldest) samples.shift();
  latest = message;
  tellFeed("live", paused ? "Paused" : "Live");
  show();
}

/** Follows the messages until they end. Gives why there were none, where the server says so. */
async function follow() {
  const stop = new AbortController();
  let timer;
  const watch = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => stop.abort(), SILENCE_MS);
  };
  watch();
  try {
    const response = await fetch(here, { headers, cache: "no-store", signal: stop.signal });
    if (!response.ok) return (await response.text()).trim() + ". ";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let read; !(read = await reader.read()).done;) {
      watch();
      const events = (text + read.value).split("\n\n");
      text = events.pop();
      for (const event of events) if (event.startsWith("data: ")) receive(JSON.parse(event.slice(6)));
    }
    return "";
  } finally {
    window.clearTimeout(timer);
    stop.abort();
  }
}

let hurry = () => {};

async function followForEver() {
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const before = latest;
    let why = "";
    try {
      why = await follow();
    } catch {
      // The network's reasons are nothing to read: that the feed is lost says it.
    }
    if (latest !== before) pauseMs = FIRST_PAUSE_MS;
    const last = latest === undefined ? "" : " These figures are of " + clockTime(latest.at) + ".";
    tellFeed("lost", "Feed lost", (why || "The server does not answer. ") + "Trying again by itself." + last);
    await new Promise((resolve) => {
      hurry = resolve;
      window.setTimeout(resolve, pauseMs);
    });
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  }
}

// Whoever comes back to the page, or to the network, does not have to wait.
addEventListener("online", () => hurry());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) hurry();
});
followForEver();
`;

/** The markup of the live page: its frame, which the script fills. */

import { INSPECT_PLOTS } from "./inspect_plots.ts";
import { INSPECT_SCRIPT } from "./inspect_script.ts";
import { INSPECT_STYLE } from "./inspect_style.ts";

const ICON = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#1d5fd1"/>' +
    '<path d="M3 9h2.5l1.5-4 2.5 7 1.5-3h2" fill="none" stroke="#fff" stroke-width="1.5" stroke-linejoin="round"/></svg>',
);

/** What stands between the script tags, as it is hashed for the policy. */
export const PAGE_SCRIPT = `"use strict";\n${INSPECT_PLOTS}\n${INSPECT_SCRIPT}`;

function documentOf(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${ICON}">
<style>${INSPECT_STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

/** A figure with its name above and what explains it below. */
function figure(id: string, name: string): string {
  return `<div class="figure"><dt>${name}</dt><dd id="${id}">–</dd><dd class="note" id="${id}-note">&nbsp;</dd></div>`;
}

/** The page. */
export const INSPECT_PAGE: string = documentOf(
  "TCP server",
  `<header>
<div class="who">
  <h1 id="name">TCP server</h1>
  <span id="address" class="address"></span>
  <span id="state" class="badge">–</span>
</div>
<div class="feed">
  <button id="pause" type="button" aria-pressed="false">Pause</button>
  <span id="viewers" class="quiet"></span>
  <span class="live"><span id="feed" role="status">Connecting</span><time id="clock">--:--:--</time></span>
</div>
</header>
<noscript><p class="notice">This page shows live figures and needs JavaScript.</p></noscript>
<p id="notice" class="notice" role="alert" hidden></p>
<main id="main">
<h2 class="unseen">Totals</h2>
<dl class="figures">
${figure("open", "Open")}
${figure("accepted", "Accepted")}
${figure("closed", "Closed")}
${figure("dropped", "Dropped")}
${figure("failed", "Failed at the door")}
${figure("bytesRead", "Read")}
${figure("bytesWritten", "Written")}
${figure("messagesReceived", "Messages received")}
${figure("messagesSent", "Messages sent")}
${figure("heldBytes", "Held in memory")}
</dl>
<h2 class="unseen">The last five minutes</h2>
<div id="plots" class="plots"></div>
<div class="lower">
<section class="panel connections" aria-labelledby="connections-title">
  <div class="bar">
    <h2 id="connections-title">Connections</h2>
    <span id="shown" class="quiet"></span>
    <div class="choice" role="group" aria-label="Which connections">
      <button id="by-rate" type="button" aria-pressed="true" title="By bytes of the last seconds, the newest count most">Busiest</button>
      <button id="by-queue" type="button" aria-pressed="false">Fullest queues</button>
    </div>
  </div>
  <table>
    <thead><tr>
      <th scope="col" class="peer">Peer</th>
      <th scope="col" class="number">Read/s</th>
      <th scope="col" class="number">Written/s</th>
      <th scope="col" class="queue" title="Bytes that wait to be sent">Queue</th>
      <th scope="col" class="number wide" title="Bytes that nobody has taken yet">Unread</th>
      <th scope="col" class="number wide">Read</th>
      <th scope="col" class="number wide">Written</th>
      <th scope="col" class="number middle">Age</th>
      <th scope="col" class="number middle">Silent</th>
      <th scope="col" class="marks middle">State</th>
    </tr></thead>
    <tbody id="rows"></tbody>
  </table>
  <p id="empty" class="empty">Waiting for the first figures</p>
</section>
<div class="side">
<section class="panel" aria-labelledby="reasons-title">
  <div class="bar"><h2 id="reasons-title">Close reasons</h2><span class="quiet">since the start</span></div>
  <ul id="reasons" class="tally"></ul>
</section>
<section class="panel" aria-labelledby="drops-title">
  <div class="bar"><h2 id="drops-title">Drops</h2><span class="quiet">since the start</span></div>
  <ul id="drops" class="tally"></ul>
</section>
<section class="panel" aria-labelledby="troubles-title">
  <div class="bar"><h2 id="troubles-title">Recent trouble</h2><span class="quiet">while somebody looks</span></div>
  <ol id="troubles" class="troubles"></ol>
</section>
<div id="rooms"></div>
</div>
</div>
</main>
<script>${PAGE_SCRIPT}</script>`,
);

/** What those see who have no token. */
export const TOKEN_PAGE: string = documentOf(
  "Token needed",
  `<main class="door">
<h1>This page needs its token</h1>
<form method="get">
  <label for="token">Token</label>
  <input id="token" name="token" type="password" autocomplete="off" required autofocus>
  <button type="submit">Show</button>
</form>
</main>`,
);

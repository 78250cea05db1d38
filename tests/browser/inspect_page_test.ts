/** The live page in a browser, while clients come and go. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, createServer, framed, type FramedSocket, ServerProtocol, type TcpServer } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { type InspectHandler, inspectHandler, type InspectOptions } from "../../src/observe/mod.ts";
import { Rooms } from "../../src/rooms/mod.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { Viewer } from "../observe/inspected.ts";
import { type Browser, openBrowser, type Page, textOf, untilText, watch } from "./browser.ts";

const CODEC = lines();

/** The page of a server, over HTTP. */
class Show implements AsyncDisposable {
  readonly inspect: InspectHandler;
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor(app: TcpServer, options: InspectOptions = {}, port = 0) {
    this.inspect = inspectHandler(app, options);
    this.#http = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, this.inspect);
  }

  get port(): number {
    return this.#http.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** A viewer without a browser. */
  async view(): Promise<Viewer> {
    return new Viewer(await fetch(this.url, { headers: { accept: "text/event-stream" } }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.inspect.close();
    await this.#http.shutdown();
  }
}

/** A server that says back what it hears, and lets no more than so many in. */
function echo(maxConnections = 10_000): TcpServer {
  const app = createServer(ServerProtocol.TCP, { limits: { maxConnections, dropWhenFull: true } });
  app.onConnection((socket) => {
    const peer = framed(socket, CODEC);
    peer.on("message", (line) => void peer.send(line));
  });
  return app.listen(0, "127.0.0.1");
}

async function clientOf(app: TcpServer): Promise<FramedSocket<string>> {
  const client = framed(await connect({ port: app.address()!.port, host: "127.0.0.1" }), CODEC);
  client.on("error", () => {}); // one that is dropped
  return client;
}

/** A test with a browser of its own. */
function browse(name: string, fn: (browser: Browser) => Promise<void>): void {
  Deno.test(name, async () => {
    const browser = await openBrowser();
    try {
      await fn(browser);
    } finally {
      await browser.close();
    }
  });
}

/** What the page says, by the names of `metrics()`. */
async function figuresOf(page: Page): Promise<Record<string, number>> {
  const read = async (id: string, note = false) =>
    Number((await textOf(page, note ? `${id}-note` : id)).replace(/[^\d]/g, ""));
  return {
    open: await read("open"),
    preparing: await read("open", true),
    accepted: await read("accepted"),
    closed: await read("closed"),
    dropped: await read("dropped"),
    failed: await read("failed"),
    acceptErrors: await read("failed", true),
    bytesRead: await read("bytesRead", true),
    bytesWritten: await read("bytesWritten", true),
    messagesReceived: await read("messagesReceived"),
    messagesSent: await read("messagesSent"),
    heldBytes: await read("heldBytes", true),
  };
}

/** The same of the server. */
function countsOf(app: TcpServer): Record<string, number> {
  const { closed, dropped, ...metrics } = app.metrics();
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0);
  const counts: Record<string, number> = { ...metrics as object, closed: sum(closed), dropped: sum(dropped) };
  return counts;
}

browse("the page shows the figures of metrics() while clients come and go, and its plots move", async (browser) => {
  await using app = echo(5);
  await using show = new Show(app, { name: "echo" });
  const page = await browser.newPage();
  const notes = watch(page);
  await page.goto(show.url);
  await untilText(page, "feed", "Live");
  assertEquals([await textOf(page, "name"), await textOf(page, "state")], ["echo", "listening"]);
  assertEquals(await textOf(page, "address"), `127.0.0.1:${app.address()?.port}`);
  await page.getByText(/^No connections to/).waitFor();

  // A rate needs two samples.
  const lineOf = (plot: number) => page.locator("figure").nth(plot).locator('path.line.one[d^="M"]').getAttribute("d");
  const before = [await lineOf(0), await lineOf(3)];
  const clients: FramedSocket<string>[] = [];
  for (let index = 0; index < 5; index++) clients.push(await clientOf(app));
  for (const [index, client] of clients.entries()) {
    const heard = new Promise((resolve) => client.once("message", resolve));
    client.send("x".repeat(100 * (index + 1)));
    await heard;
  }
  await (await clientOf(app)).socket.closed; // no room for it
  await untilText(page, "open", "5");
  await untilText(page, "messagesSent", "5");
  await untilText(page, "dropped", "1");
  const figures = await figuresOf(page);
  const counts = countsOf(app);
  assertEquals(figures, Object.fromEntries(Object.keys(figures).map((name) => [name, counts[name]])));
  assertEquals([counts.bytesRead, counts.messagesReceived], [1_505, 5]);
  assertEquals(await page.locator("#rows tr").count(), 5);
  const peers = await page.locator("#rows td.peer").allInnerTexts();
  const ours = clients.map(({ socket }) => `127.0.0.1:${socket.localPort}`);
  assertEquals(peers.sort(), ours.sort());

  for (const { socket } of clients.splice(0, 3)) {
    socket.end();
    await socket.closed;
  }
  for (const { socket } of clients) socket.destroy();
  await untilText(page, "open", "0");
  await untilText(page, "closed", "5");
  assertEquals((await page.locator("#reasons li").allInnerTexts()).map((text) => text.replace(/\s+/, " ")), ["peer 5"]);
  assertMatch(await textOf(page, "troubles"), /^dropped: full\s+\d\d:\d\d:\d\d · 127\.0\.0\.1$/);
  assert(await lineOf(0) !== before[0] && await lineOf(3) !== before[1], "the plots stand still");
  assertMatch(await page.title(), /^0 open · echo$/);

  assertEquals(notes.complaints, []);
  const elsewhere = notes.requests.filter((url) => url !== show.url && !url.startsWith("data:"));
  assertEquals(elsewhere, []);
});

browse("whatever peers call their rooms is text", async (browser) => {
  const rooms = new Rooms<string>({ codec: CODEC });
  await using app = createServer();
  app.onConnection((socket) => {
    const member = framed(socket, CODEC);
    member.on("message", (name) => void rooms.join(name, member));
  });
  app.listen(0, "127.0.0.1");
  await using show = new Show(app, { rooms });
  const client = await clientOf(app);
  const names = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "</style><b>bold</b>",
    "\u202eright to left",
  ];
  names.forEach((name) => client.send(name));
  const page = await browser.newPage();
  const notes = watch(page);
  await page.goto(show.url);
  await page.locator("#rooms .tally li").nth(names.length - 1).waitFor();
  const shown = await page.locator("#rooms .tally .name").allInnerTexts();
  assertEquals(shown, [...names.slice(0, 3), "\\u{202e}right to left"]);
  assertEquals([await page.locator("script").count(), await page.locator("#rooms img, #rooms b").count()], [1, 0]);
  assertEquals([notes.dialogs, notes.complaints], [[], []]);
  client.socket.destroy();
  await rooms.close();
});

browse("every text that a message brings is text", async (browser) => {
  await using app = echo();
  await using show = new Show(app);
  const viewer = await show.view();
  const { connections, ...message } = (await viewer.next())!;
  await viewer.leave();
  const evil = "<script>alert(1)</script><img src=x onerror=alert(2)>";
  const row = { id: 1, peer: evil, state: "open", bytesRead: 1, bytesWritten: 1, queuedBytes: 1, unreadBytes: 0 };
  const forged = {
    ...message,
    name: evil,
    address: evil,
    connections: { ...connections, total: 1, busiest: [row], fullest: [row] },
    troubles: [{ at: 1, what: evil, code: evil, peer: evil, count: 2 }],
    rooms: [{ label: evil, rooms: 1, members: 1, busState: evil, largest: [{ name: evil, members: 1 }] }],
    metrics: { ...message.metrics, closed: { [evil]: 1 }, dropped: { [evil]: 1 } },
  };
  const page = await browser.newPage();
  const notes = watch(page);
  await page.route(show.url, (route) => {
    if (route.request().headers().accept !== "text/event-stream") return route.continue();
    return route.fulfill({ contentType: "text/event-stream", body: `data: ${JSON.stringify(forged)}\n\n` });
  });
  await page.goto(show.url);
  await untilText(page, "name", evil);
  for (const id of ["address", "rows", "troubles", "reasons", "drops", "rooms"]) {
    assert((await textOf(page, id)).includes(evil), `#${id} does not show it`);
  }
  assertEquals([await page.locator("script").count(), await page.locator("img").count()], [1, 0]);
  assertEquals([notes.dialogs, notes.complaints], [[], []]);
});

browse("a page of another name that leads here is refused", async (browser) => {
  await using app = echo();
  await using show = new Show(app);
  const page = await browser.newPage();
  const response = await page.goto(`http://evil.example:${show.port}/`);
  assertEquals(response?.status(), 403);
  assertMatch(await page.innerText("body"), /^This page is not served as "evil.example"/);
  assertEquals(show.inspect.viewers, 0);
});

browse("the 17th viewer is told why it sees nothing, and sees something once a seat is free", async (browser) => {
  await using app = echo();
  await using show = new Show(app);
  const viewers: Viewer[] = [];
  for (let index = 0; index < 16; index++) viewers.push(await show.view());
  const page = await browser.newPage();
  watch(page);
  await page.goto(show.url);
  await page.getByText(/^All 16 viewers' seats are taken: close the page somewhere else\. Trying again/).waitFor();
  assertEquals(await textOf(page, "feed"), "Feed lost");
  assertEquals(show.inspect.viewers, 16);
  await viewers[0]?.leave();
  await untilText(page, "feed", "Live");
  assertEquals(await textOf(page, "viewers"), "16 of 16 viewers");
  assert(await page.locator("#notice").isHidden());
  await page.close();
  for (const viewer of viewers) await viewer.leave();
});

browse("a page whose feed is lost says so, and comes back by itself", async (browser) => {
  await using app = echo();
  const first = new Show(app);
  const { port, url } = first;
  const page = await browser.newPage();
  watch(page);
  await page.goto(url);
  await untilText(page, "feed", "Live");
  const client = await clientOf(app);
  await untilText(page, "open", "1");
  await first[Symbol.asyncDispose]();
  await untilText(page, "feed", "Feed lost");
  assertMatch(
    await textOf(page, "notice"),
    /^The server does not answer\. Trying again by itself\. These figures are of \d\d:\d\d:\d\d\.$/,
  );
  assertEquals(await textOf(page, "open"), "1");
  client.socket.destroy();
  await using _second = new Show(app, {}, port);
  await untilText(page, "feed", "Live");
  await untilText(page, "open", "0");
  await page.close();
});

browse("the token leaves the address, and is asked for where it is missing", async (browser) => {
  await using app = echo();
  await using show = new Show(app, { token: "open sesame" });
  const page = await browser.newPage();
  watch(page);
  assertEquals((await page.goto(show.url))?.status(), 401);
  await page.getByLabel("Token").fill("open says me");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByLabel("Token").fill("open sesame");
  await page.getByRole("button", { name: "Show" }).click();
  await untilText(page, "feed", "Live");
  assertEquals(page.url(), show.url);
  await page.reload();
  await untilText(page, "feed", "Live");
  await page.close();
});

browse("10,000 connections are a count and the busiest of them", async (browser) => {
  await using network = createNetwork();
  const app = createServer(ServerProtocol.TCP, { limits: { maxConnections: 20_000 } });
  const port = network.listen(app.onConnection((socket) => void socket.resume()));
  for (let round = 0; round < 100; round++) {
    await Promise.all(Array.from({ length: 100 }, () => network.connect(port)));
  }
  await using show = new Show(app);
  const page = await browser.newPage();
  const notes = watch(page);
  await page.goto(show.url);
  await untilText(page, "shown", "the 32 busiest of 10,000");
  assertEquals([await textOf(page, "open"), await page.locator("#rows tr").count()], ["10,000", 32]);
  await page.getByRole("button", { name: "Fullest queues" }).click();
  await page.getByText("Nothing waits to be sent", { exact: true }).waitFor();
  assertEquals(notes.complaints, []);
  await page.close();
});

browse("the page fits a phone and can be read in both colour schemes", async (browser) => {
  await using app = echo();
  await using show = new Show(app);
  const client = await clientOf(app);
  const page = await browser.newPage();
  const notes = watch(page);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.goto(show.url);
    await untilText(page, "open", "1");
    for (const width of [320, 390, 768, 1_440]) {
      await page.setViewportSize({ width, height: 800 });
      const widest = await page.evaluate("document.documentElement.scrollWidth");
      assertEquals(widest, width, `something sticks out at ${width} in ${colorScheme}`);
    }
    // The contrast that WCAG asks of text of that size.
    for (const selector of ["#open", "#open-note", "th", "td.peer", ".x-axis span", ".legend li", "#feed", "#state"]) {
      const contrast = await page.locator(selector).first().evaluate(contrastOf);
      assert(contrast >= 4.5, `${selector} has a contrast of ${contrast} in ${colorScheme}`);
    }
  }
  assertEquals(notes.complaints, []);
  client.socket.destroy();
  await page.close();
});

/** Runs in the page. */
// deno-lint-ignore no-explicit-any -- an element of a browser, which this program has no types of
function contrastOf(element: any): number {
  const view = element.ownerDocument.defaultView;
  const luminance = (color: string) => {
    const parts = color.match(/[\d.]+/g)!.slice(0, 3).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0]! + 0.7152 * parts[1]! + 0.0722 * parts[2]!;
  };
  let ground = element;
  while (view.getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
  const of = (color: string) => luminance(color) + 0.05;
  const [one, other] = [of(view.getComputedStyle(element).color), of(view.getComputedStyle(ground).backgroundColor)];
  return Math.max(one, other) / Math.min(one, other);
}

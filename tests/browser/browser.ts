/** A browser for tests: Debian's Chromium without a window, and pages that note what they ask for and complain of. */

import { type Browser, chromium, type Page } from "npm:playwright-core@1.56.1";

export type { Browser, Page };

/** The first of these programs that is on PATH. */
async function findProgram(...names: string[]): Promise<string> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    for (const name of names) {
      const file = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
      if (file?.isFile) return `${folder}/${name}`;
    }
  }
  throw new Error(`These tests need Chromium, and none of ${names.join(", ")} is on PATH: install Debian's chromium`);
}

/** Starts the browser. To it `evil.example` is this machine: what an attacker's name server would say. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = await findProgram("chromium", "chromium-browser", "google-chrome");
  const args = ["--host-resolver-rules=MAP evil.example 127.0.0.1", "--disable-dev-shm-usage"];
  // As root it runs without its sandbox or not at all.
  if (Deno.uid() === 0) args.push("--no-sandbox");
  return await chromium.launch({ executablePath, args, timeout: 120_000 });
}

/** What a page did besides showing itself. */
export interface Notes {
  /** The addresses that it asked for. */
  readonly requests: string[];
  /** What it wrote to the console as an error or a warning, and what it threw. */
  readonly complaints: string[];
  /** What it asked its user. */
  readonly dialogs: string[];
}

/** Notes from now on. */
export function watch(page: Page): Notes {
  const notes: Notes = { requests: [], complaints: [], dialogs: [] };
  page.setDefaultTimeout(60_000);
  page.on("request", (request) => void notes.requests.push(request.url()));
  page.on("pageerror", (error) => void notes.complaints.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) notes.complaints.push(message.text());
  });
  page.on("dialog", (dialog) => {
    notes.dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  return notes;
}

/** The text of the element with that id. */
export function textOf(page: Page, id: string): Promise<string> {
  return page.locator(`#${id}`).innerText();
}

/** Waits until the element with that id says so. */
export async function untilText(page: Page, id: string, text: string): Promise<void> {
  await page.locator(`#${id}`).getByText(text, { exact: true }).or(
    page.locator(`#${id}:text-is(${JSON.stringify(text)})`),
  )
    .first().waitFor();
}

import { startBackend } from "@agentvine/testkit";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

const executablePath = "/usr/bin/chromium";
const browserArguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];

let browser: Browser;
let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  [browser, backend] = await Promise.all([
    chromium.launch({ executablePath, args: browserArguments }),
    startBackend(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await backend?.stop();
});

/** Scrolls, and lets the page hear of it in one frame and draw in the next. True at the end. */
const scrollTo = (top: number): string => `(async () => {
  window.scrollTo(0, ${top});
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  return window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - 1;
})()`;
const readShown = `[...document.querySelectorAll(".opblock-summary")].map((block) =>
  block.querySelector(".opblock-summary-method").textContent + " " +
  block.querySelector("[data-path]").getAttribute("data-path"))`;

/** Method and path of every route that the page shows while it is scrolled to its end: it draws only what is in view. */
async function routesShown(page: Page): Promise<string[]> {
  const seen = new Set<string>();
  for (let top = 0, isEnd = false; !isEnd; top += 400) {
    isEnd = await page.evaluate<boolean>(scrollTo(top));
    for (const shown of await page.evaluate<string[]>(readShown)) seen.add(shown);
  }
  await page.evaluate(scrollTo(0));
  return [...seen].toSorted();
}

async function routesDescribed(page: Page): Promise<string[]> {
  const response = await page.request.get(`${backend.url}/openapi.json`);
  const { paths } = (await response.json()) as { paths: Record<string, object> };
  return Object.entries(paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    .toSorted();
}

test("the API's page shows every route and tries one out, under our content security policy", async () => {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${backend.url}/docs`);
  const live = page.locator(".opblock", { hasText: "/health/live" });
  await live.waitFor();
  expect(await routesShown(page)).toEqual(await routesDescribed(page));
  await live.locator("button.opblock-summary-control").click();
  await live.getByRole("button", { name: "Try it out" }).click();
  await live.getByRole("button", { name: "Execute" }).click();
  await live.locator(".live-responses-table .response-col_status", { hasText: "200" }).waitFor();
  expect(complaints).toEqual([]);
});

test("a one-time link signs the browser in, and a page from elsewhere can't use that", async () => {
  const response = await fetch(`${backend.url}/api/v1/local-links`, {
    method: "POST",
    headers: { authorization: `Bearer ${backend.token}` },
  });
  const { url } = (await response.json()) as { url: string };
  const page = await browser.newPage();
  await page.goto(url);
  expect(new URL(page.url()).pathname).toBe("/docs");
  const ask = (address: string) =>
    page.evaluate(async (target) => {
      try {
        return (await fetch(target, { credentials: "include" })).status;
      } catch {
        return 0;
      }
    }, address);
  expect(await ask("/api/v1/repositories")).toBe(200);
  expect(await page.evaluate("document.cookie")).toBe("");
  // Another origin of this machine: neither may it read, nor does the cookie of the first one come with it.
  const elsewhere = backend.url.replace("127.0.0.1", "localhost");
  expect(await ask(`${elsewhere}/api/v1/repositories`)).toBe(0);
});

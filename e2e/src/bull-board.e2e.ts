import { startBackend, waitUntil } from "@agentvine/testkit";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

const executablePath = "/usr/bin/chromium";
const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser: Browser;
let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  [browser, backend] = await Promise.all([chromium.launch({ executablePath, args }), startBackend()]);
  // The queue is connected a moment after the server.
  await waitUntil(async () => (await get("/admin/queues")).status === 200);
});
afterAll(async () => {
  await browser?.close();
  await backend?.stop();
});

const get = (path: string, method = "GET") =>
  fetch(backend.url + path, { method, headers: { authorization: `Bearer ${backend.token}` } });

/** A page whose complaints are collected, of a browser that came by a one-time link. */
async function signedIn(): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "unknown";
    // The board gives up a poll of its own when a newer one overtakes it.
    if (reason !== "net::ERR_ABORTED") complaints.push(`failed (${reason}): ${request.url()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(backend.url) && !request.url().startsWith("data:"))
      complaints.push(`asked elsewhere: ${request.url()}`);
  });
  const link = (await (await get("/api/v1/local-links", "POST")).json()) as { url: string };
  await page.goto(link.url);
  await page.waitForLoadState("networkidle");
  complaints.length = 0;
  return { page, complaints };
}

test("the board shows the chores to a browser that came by a one-time link, under our content security policy", async () => {
  const { page, complaints } = await signedIn();
  await page.goto(`${backend.url}/admin/queues`);
  await page.getByRole("link", { name: "maintenance" }).first().click();
  await page.waitForURL("**/queue/maintenance*");
  await page
    .getByText(/^repeat:sample-stats:/)
    .first()
    .waitFor();
  // An address within the board, opened anew.
  await page.reload();
  await page
    .getByText(/^repeat:sample-stats:/)
    .first()
    .waitFor();
  await page.getByRole("link", { name: "Schedulers" }).first().click();
  await page.getByText("sweep-blobs").first().waitFor();
  await page.waitForLoadState("networkidle");
  expect(complaints).toEqual([]);
});

test("the board offers whoever is signed in nothing that changes the queue", async () => {
  const { page, complaints } = await signedIn();
  await page.goto(`${backend.url}/admin/queues/queue/maintenance`);
  await page
    .getByText(/^repeat:sample-stats:/)
    .first()
    .waitFor();
  // What changes a queue is in that menu, what changes a job on buttons.
  expect(await page.locator("main button[aria-haspopup=menu]").count()).toBe(0);
  const offered = await page.locator("main button").allTextContents();
  expect(offered.filter((name) => /pause|retry|clean|promote|add job/i.test(name))).toEqual([]);
  expect(complaints).toEqual([]);
});

test("without a sign-in there is no board, nor any of its data", async () => {
  const page = await (await browser.newContext()).newPage();
  for (const path of ["", "/", "/api/queues", "/static/js/main.js", "/queue/maintenance"]) {
    const response = await page.goto(`${backend.url}/admin/queues${path}`);
    expect(response?.status()).toBe(401);
  }
});

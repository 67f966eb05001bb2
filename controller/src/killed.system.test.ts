import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newId } from "@agentvine/kit";
import type { Reply, Scenario } from "@agentvine/scripted-model";
import { FaultProxy, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Site, startSite } from "./testing/site.ts";

const entry = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const good: Scenario = {
  name: "good",
  matches: () => true,
  respond: (): Reply => ({
    calls: [{ name: "answer", input: { answer: "80", confidence: 1, citations: [{ source: "S1" }] } }],
  }),
};

let site: Site;
beforeAll(async () => {
  site = await startSite([good]);
  await site.precedent("Which port does the service use?", "80");
});
afterAll(() => site[Symbol.asyncDispose]());

/** The built controller in a process of its own, behind a network that can be broken. */
async function startProcess(modelUrl = site.model.baseUrl) {
  const proxy = await FaultProxy.start(site.backend.url);
  const child = spawn(process.execPath, [entry], {
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      PATH: process.env.PATH ?? "",
      AGENTVINE_HOME: site.backend.home,
      AGENTVINE_SERVER: proxy.url,
      AGENTVINE_TOKEN: (await readFile(join(site.backend.home, "controller.key"), "utf8")).trim(),
      AGENTVINE_CONTROLLER_NAME: `controller-${newId()}`,
      AGENTVINE_MODEL: "scripted/demo",
      AGENTVINE_MODEL_BASE_URL: modelUrl,
    },
  });
  const exited = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  onTestFinished(async () => {
    await kill();
    await proxy.stop();
  });
  await once(child.stdout, "data");
  return { proxy, kill };
}

const ask = async () =>
  await site.raise(await site.run(), { question: `Which port does the service use here ${newId()}?` });

/** A person has it within ten seconds of the kill, and is told why. */
async function expectPersonSoon(id: string): Promise<void> {
  const killedMs = performance.now();
  const request = await site.withPerson(id);
  expect(performance.now() - killedMs).toBeLessThan(10_000);
  expect(request.answer).toBeNull();
  expect(request.routeReason).toContain("vanished");
}

test("a controller that is killed when it has just leased a request: a person has it within ten seconds", async () => {
  const { proxy, kill } = await startProcess();
  const isReading = ({ path }: { path: string }) => path.includes("/precedents?");
  proxy.swallow(isReading);
  const { id } = await ask();
  await waitUntil(() => proxy.count(isReading) > 0);
  await kill();
  await expectPersonSoon(id);
});

test("a controller that is killed while its model thinks: a person has it within ten seconds", async () => {
  let isThinking = false;
  const silent = createServer(() => {
    isThinking = true;
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const { kill } = await startProcess(`http://127.0.0.1:${port}/v1`);
  const { id } = await ask();
  await waitUntil(() => isThinking);
  await kill();
  await expectPersonSoon(id);
});

test("a controller that is killed before its answer arrives has answered nothing: a person has it within ten seconds", async () => {
  const { proxy, kill } = await startProcess();
  const isAnswering = ({ path }: { path: string }) => path.endsWith("/automated-answer");
  proxy.swallow(isAnswering);
  const { id } = await ask();
  await waitUntil(() => proxy.count(isAnswering) > 0);
  await kill();
  await expectPersonSoon(id);
});

test("a controller that is killed before it hears that its answer was taken has answered, once", async () => {
  const { proxy, kill } = await startProcess();
  const isAnswering = ({ path }: { path: string }) => path.endsWith("/automated-answer");
  proxy.cutReplies(100, isAnswering);
  const { id } = await ask();
  const answered = await site.settled(id);
  await kill();
  await site.startController();
  // What comes later is answered by the other one, and the first is as it was.
  await site.settled((await ask()).id);
  expect(await site.get(id)).toMatchObject({ status: "answered", answer: answered.answer, generation: 1 });
});

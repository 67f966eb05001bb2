import { z } from "zod";
import { startChild } from "../child-program.ts";
import type { Cluster } from "../cluster.ts";
import { taskBody } from "../dispatch/life.ts";
import { createHttpClient, type HttpClient } from "../http-client.ts";
import { type LoadOptions, runLoad } from "../load.ts";
import { tellProgress } from "../options.ts";
import { type Aim, atLeast, atMost } from "../report.ts";
import { percentile, rounded } from "../statistics.ts";

/** Rounds in which each way of asking has its turn: what else the machine does falls on all of them. */
const rounds = 3;
const perSecondMin = 1_000;
const p95MsMax = 50;
const shareMin = 0.6;

const openHeader = "x-bench-without-authentication";
const readySchema = z.object({ url: z.string(), accessToken: z.string(), apiKey: z.string() });

/** What finding out who asks costs on a route that reads one task. */
export interface AuthenticationReport {
  aims: Aim[];
  figures: Record<string, number>;
  table: string[];
}

interface Way {
  name: string;
  token: string;
  headers: Record<string, string>;
  latenciesMs: number[];
  perSecond: number[];
}

/** Reads a task with a session, with a key, and without finding out who asks, on one backend in turn. */
export async function measureAuthentication(
  cluster: Cluster,
  load: LoadOptions,
): Promise<AuthenticationReport> {
  tellProgress("what authentication costs");
  const databaseUrl = await cluster.createMigrated();
  const child = await startChild(
    new URL("./caller-server.ts", import.meta.url),
    { databaseUrl, openHeader },
    readySchema,
  );
  const { url, accessToken, apiKey } = child.ready;
  const http = createHttpClient(url, accessToken);
  try {
    const path = await makeTask(http);
    const way = (name: string, token: string, headers = {}): Way => ({
      ...{ name, token, headers, latenciesMs: [], perSecond: [] },
    });
    const ways = [
      way("without authentication", "", { [openHeader]: "1" }),
      way("a session", accessToken),
      way("an API key", apiKey),
    ];
    for (let round = 0; round < rounds; round += 1) for (const one of ways) await ask(http, path, one, load);
    return describe(ways);
  } finally {
    http.close();
    await child.stop();
  }
}

async function makeTask(http: HttpClient): Promise<string> {
  const repository = await http.send<{ id: string }>("POST", "/api/v1/repositories", {
    body: { url: "https://example.com/bench/one" },
  });
  const body = { ...taskBody(repository.id), enqueue: false };
  const task = await http.send<{ id: string }>("POST", "/api/v1/tasks", { body });
  return `/api/v1/tasks/${task.id}`;
}

async function ask(http: HttpClient, path: string, way: Way, load: LoadOptions): Promise<void> {
  const { token, headers } = way;
  const result = await runLoad(load, () => http.send("GET", path, { token, headers, isDiscarded: true }));
  way.latenciesMs.push(...result.latenciesMs);
  way.perSecond.push(result.perSecond);
}

function describe(ways: readonly Way[]): AuthenticationReport {
  const speeds = ways.map(({ name, latenciesMs, perSecond }) => ({
    name,
    p95Ms: percentile(latenciesMs, 0.95),
    perSecond: percentile(perSecond, 0.5),
  }));
  const [open, ...asked] = speeds;
  if (open === undefined) throw new Error("there is a baseline");
  return {
    aims: asked.flatMap(({ name, p95Ms, perSecond }) => [
      atLeast(`a task, by ${name}: per second`, perSecond, perSecondMin, "/s"),
      atMost(`a task, by ${name}: p95`, p95Ms, p95MsMax, "ms"),
      atLeast(
        `a task, by ${name}: share of the same without authentication`,
        perSecond / open.perSecond,
        shareMin,
        "x",
      ),
    ]),
    figures: Object.fromEntries(
      speeds.flatMap(({ name, p95Ms, perSecond }) => [
        [`a task, ${name}: p95, ms`, p95Ms],
        [`a task, ${name}: per second`, perSecond],
      ]),
    ),
    table: [
      "one task, who asks found out by        p95 ms         /s   /s of open",
      ...speeds.map(({ name, p95Ms, perSecond }) =>
        [
          name.padEnd(34),
          ...[p95Ms, perSecond, perSecond / open.perSecond].map((n) => String(rounded(n)).padStart(11)),
        ].join(""),
      ),
      "",
    ],
  };
}

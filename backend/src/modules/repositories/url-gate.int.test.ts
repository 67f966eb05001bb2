import type { ErrorResponse } from "@agentvine/contracts";
import type { LookUpHost } from "@agentvine/kit";
import { createRepository, useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";

const directory = useTempDir();
const publicAddress = "93.184.216.34";
/** What each name leads to; a list of lists: one after the other, each time it is asked about. */
const answers: Record<string, string[][]> = {};
const asked: string[] = [];
const lookUpHost: LookUpHost = async (hostname) => {
  asked.push(hostname);
  const [now, ...later] = answers[hostname] ?? [];
  if (now === undefined) throw new Error("ENOTFOUND");
  if (later.length > 0) answers[hostname] = later;
  return now.map((address) => ({ address }));
};

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp({ limits: { lookUpHost }, config: { allowsUnrunnable: true } });
});
afterAll(() => app.close());

const register = (url: string, by = app) =>
  by.request<ErrorResponse & { url: string }>("POST", "/api/v1/repositories", { body: { url } });
const codeOf = ({ body }: { body: ErrorResponse }) => body.error?.code;

/** The table of addresses that a gate must refuse, whatever they are hidden in. */
const hostileUrls = [
  ...["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0"],
  ...["１２７.0.0.1", "①②⑦.⓪.⓪.①", "0.0.0.0", "[::1]", "[::]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]"],
  ...["[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.1.1"],
  ...["[fd00:ec2::254]", "[fe80::1]", "localhost", "LOCALHOST.", "metadata.google.internal", "printer.local"],
]
  .map((host) => `https://${host}/a.git`)
  .concat([
    "http://good.example.org/a.git",
    "https://good.example.org\\@127.0.0.1/a.git",
    "https://user:token@good.example.org/a.git",
    "https://-oProxyCommand=x/a.git",
    "ext::sh -c id",
    "git://good.example.org/a.git",
    "file://127.0.0.1/etc",
  ]);

test("34 of 34 addresses that lead inside, or say one thing and mean another, are refused without asking anybody", async () => {
  expect(hostileUrls).toHaveLength(34);
  asked.length = 0;
  for (const url of hostileUrls) {
    const answer = await register(url);
    expect([url, answer.status, codeOf(answer)]).toEqual([
      url,
      400,
      expect.stringMatching(/^repository\.url_invalid$|^request\.invalid$/),
    ]);
  }
  expect(asked).toEqual([]);
});

test.each([["127.0.0.1"], ["10.0.0.7"], ["169.254.169.254"], ["::1"], ["fd00::1"], ["64:ff9b::a00:1"]])(
  "a name that leads to %s, be it as one address of several, is refused by https, ssh and as a task's",
  async (address) => {
    const host = `h${address.replace(/\W/g, "-")}x.example.org`;
    answers[host] = [[publicAddress, address]];
    for (const url of [`https://${host}/a`, `ssh://git@${host}/a`, `git@${host}:a`, `https://${host}./a`]) {
      const answer = await register(url);
      expect([answer.status, codeOf(answer)]).toEqual([400, "repository.url_invalid"]);
      expect(answer.body.error.message).toContain(`leads to ${address}`);
      expect(answer.body.error.message).toContain("AGENTVINE_ALLOW_PRIVATE_HOSTS");
    }
    const task = await app.request<ErrorResponse>("POST", "/api/v1/tasks", {
      body: { title: "t", type: "docs", permissionLevel: "supervised", repositoryUrl: `https://${host}/a` },
    });
    expect([task.status, codeOf(task)]).toEqual([400, "repository.url_invalid"]);
  },
);

test("a public name is taken, one that nobody knows here as well, and a known repository is not asked about again", async () => {
  answers["good.example.org"] = [[publicAddress, "2606:4700::1111"], ["127.0.0.1"]];
  expect((await register("https://good.example.org/a")).status).toBe(201);
  expect((await register("https://good.example.org/a")).status).toBe(201);
  expect(codeOf(await register("https://good.example.org/b"))).toBe("repository.url_invalid");
  expect((await register("https://unknown.example.org/a")).status).toBe(201);
});

test("installations that allow private hosts ask nobody, and those that do not allow paths take none", async () => {
  await using open = await buildTestApp({ limits: { lookUpHost }, config: { allowsPrivateHosts: true } });
  answers["inside.example.org"] = [["10.0.0.1"]];
  expect((await register("https://inside.example.org/a", open)).status).toBe(201);
  await using closed = await buildTestApp({ limits: { lookUpHost }, config: { allowsPaths: false } });
  const { path } = await createRepository(directory(), { a: "1" });
  for (const url of [path, `file://${path}`]) {
    const answer = await register(url, closed);
    expect([answer.status, codeOf(answer)]).toEqual([400, "repository.url_invalid"]);
    expect((await register(url, open)).status).toBe(201);
  }
});

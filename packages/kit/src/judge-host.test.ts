import { describe, expect, test } from "vitest";
import { judgeHost, type LookUpHost } from "./judge-host.ts";

const answering =
  (...addresses: string[]): LookUpHost =>
  async () =>
    addresses.map((address) => ({ address }));

describe("a host", () => {
  test.each([[["93.184.216.34"]], [["93.184.216.34", "2606:4700::1111"]]])(
    "that leads to public addresses alone is public: %j",
    async (addresses) => {
      expect(await judgeHost("git.example.org", answering(...addresses))).toEqual({
        kind: "public",
        addresses,
      });
    },
  );

  test.each([
    ["127.0.0.1"],
    ["10.1.2.3"],
    ["169.254.169.254"],
    ["100.64.0.1"],
    ["0.0.0.0"],
    ["::1"],
    ["::"],
    ["fd00::1"],
    ["fe80::1%eth0"],
    ["::ffff:127.0.0.1"],
    ["64:ff9b::7f00:1"],
    ["2002:7f00:1::"],
    ["not an address"],
  ])("with %s among its addresses is private, whatever the others are", async (address) => {
    const looked = answering("93.184.216.34", address, "2606:4700::1111");
    expect((await judgeHost("git.example.org", looked)).kind).toBe("private");
  });

  test.each([
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "8.8.8.8",
    "[::1]",
    "[2606:4700::1111]",
    "localhost",
    "nas.local",
  ])("%s is private without being asked about", async (hostname) => {
    const asked: string[] = [];
    const verdict = await judgeHost(hostname, async (name) => {
      asked.push(name);
      return [{ address: "93.184.216.34" }];
    });
    expect([verdict.kind, asked]).toEqual(["private", []]);
  });

  test("that nobody knows is unknown, and for now only when the resolver is away or slow", async () => {
    const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
    const cases: [LookUpHost, boolean][] = [
      [failing("ENOTFOUND"), false],
      [answering(), false],
      [failing("EAI_AGAIN"), true],
      [() => new Promise(() => {}), true],
    ];
    for (const [lookUp, isTemporary] of cases)
      expect(await judgeHost("git.example.org", lookUp, 5)).toEqual({ kind: "unknown", isTemporary });
  });

  test("is asked of the resolver of the machine unless told", async () => {
    expect((await judgeHost("no-such-host.invalid")).kind).toBe("unknown");
  });
});

import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { endpoints } from "@agentvine/contracts";
import { useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadCliConfig } from "../config.ts";
import { writeUpState } from "../processes/up-state.ts";
import { runCommand } from "../testing/run-command.ts";
import { connect } from "./connect.ts";
import { writeLogin } from "./login-file.ts";

const home = useTempDir();
const seen: (string | undefined)[] = [];
// Listens on every address: by 0.0.0.0 it is reached as a server on another machine would be, by an address that is not loopback.
const server = createServer((request, response) => {
  seen.push(request.headers.authorization);
  response.writeHead(401, { "content-type": "application/json" });
  response.end(
    JSON.stringify({ error: { code: "auth.required", message: "A token is needed.", requestId: "r" } }),
  );
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve)));
afterAll(() => void server.close());
beforeEach(async () => {
  seen.length = 0;
  await writeFile(join(home(), "token"), "avl_of-this-machine\n");
});

const at = (host: string): string => `http://${host}:${(server.address() as AddressInfo).port}`;
const sentTo = async (url: string, settings: Record<string, string> = {}): Promise<string | undefined> => {
  const environment = { AGENTVINE_HOME: home(), AGENTVINE_ALLOW_PLAIN_HTTP: "true", ...settings };
  await connect(loadCliConfig({ AGENTVINE_SERVER: url, ...environment }))
    .call(endpoints.system.health)
    .catch(() => undefined);
  expect(seen).toHaveLength(1);
  return seen[0];
};

describe("the token file of this machine", () => {
  test("is sent to a backend on this machine", async () => {
    expect(await sentTo(at("127.0.0.1"))).toBe("Bearer avl_of-this-machine");
  });

  test("is sent nowhere else, whatever address is named", async () => {
    expect(await sentTo(at("0.0.0.0"))).toBeUndefined();
  });

  test("is sent to the address that the backend `up` runs here goes by", async () => {
    writeUpState(home(), { url: at("0.0.0.0"), pid: process.pid });
    expect(await sentTo(`${at("0.0.0.0")}/`)).toBe("Bearer avl_of-this-machine");
  });

  test("stays here while a token that is given, or a login there, is sent", async () => {
    expect(await sentTo(at("0.0.0.0"), { AGENTVINE_TOKEN: "avk_given" })).toBe("Bearer avk_given");
    seen.length = 0;
    await writeLogin(home(), { server: at("0.0.0.0"), keyId: "k", key: "avk_login", username: "ada" });
    expect(await sentTo(at("0.0.0.0"))).toBe("Bearer avk_login");
  });

  test("left at home, the refusal says how to sign in there", async () => {
    const config = { home: home(), serverUrl: at("0.0.0.0"), allowsPlainHttp: true };
    const { code, stderr } = await runCommand(config, ["task", "list"]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/agentvine login.*AGENTVINE_TOKEN/);
  });
});

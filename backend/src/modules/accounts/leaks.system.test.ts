import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AccountLink, ApiKey, SignedIn } from "@agentvine/contracts";
import { startBackend, waitUntil } from "@agentvine/testkit";
import pg from "pg";
import { expect, test } from "vitest";
import { tokenIn } from "../../testing/account-fixture.ts";
import { startMailServer, startReceiver } from "../../testing/notice-receivers.ts";

/** Everything that is kept, of every table of every schema. */
async function dump(databaseUrl: string): Promise<string> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    const parts: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: object }>(`select to_jsonb(t) as row from ${name} t`);
      parts.push(name, ...rows.map(({ row }) => JSON.stringify(row)));
    }
    return parts.join("\n");
  } finally {
    await client.end();
  }
}

/** The spellings in which a secret may lie about. */
const spellings = (secret: string): string[] => {
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
};

test("neither a dump of the database nor the most talkative log holds a key, a token, a password or a link", async () => {
  const mail = await startMailServer();
  const hook = await startReceiver();
  const smtp = new URL(mail.url);
  const backend = await startBackend({
    stderrCharsMax: 50_000_000,
    env: {
      ...{
        AGENTVINE_ACCOUNTS: "invite",
        AGENTVINE_LOG_LEVEL: "trace",
        AGENTVINE_ALLOW_PRIVATE_HOSTS: "true",
      },
      ...{ AGENTVINE_SMTP_URL: smtp.href, AGENTVINE_RATE_CREDENTIALS_PER_MINUTE: "0" },
    },
  });
  const secrets = new Map<string, string>();
  const keep = (what: string, secret: string): string => {
    expect([what, secret.length > 7]).toEqual([what, true]);
    secrets.set(what, secret);
    return secret;
  };
  const send = async <T>(method: string, path: string, body?: object, token?: string) => {
    const response = await fetch(`${backend.url}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as T };
  };
  const auth = <T>(route: string, body: object, token?: string) =>
    send<T>("POST", `/api/v1/auth/${route}`, body, token);
  const mailed = async (subject: string) =>
    tokenIn(
      await waitUntil(() =>
        mail.mails
          .map(({ raw }) => raw.replaceAll("=\r\n", "").replaceAll("=3D", "="))
          .find((raw) => raw.includes(`Subject: ${subject}`)),
      ),
    );
  try {
    for (const file of ["token", "worker.key", "controller.key", "master.key"])
      keep(file, (await readFile(join(backend.home, file), "utf8")).trim().split("\n")[0] ?? "");
    const password = keep("password", "seven quiet lighthouses");
    const link = keep("set-up link", tokenIn(backend.setUpUrl ?? ""));
    const names = { username: "ada", email: "ada@example.org" };
    await auth("set-up", { token: link, ...names, password });
    await auth("login", {
      identifier: "ada",
      password: keep("wrong password", "nobody's lighthouse at all"),
    });
    await auth("login", {
      identifier: keep("password as a name", "a lighthouse in the wrong field"),
      password,
    });
    const { body: session } = await auth<SignedIn>("login", {
      ...{ identifier: "ada", password, transport: "body" },
    });
    const token = keep("access token", session.accessToken);
    const { body: next } = await auth<SignedIn>("refresh", {
      refreshToken: keep("refresh token", session.refreshToken ?? ""),
    });
    keep("next refresh token", next.refreshToken ?? "");
    keep("next access token", next.accessToken);
    const { body: invitation } = await send<AccountLink>(
      ...(["POST", "/api/v1/users/invitations", { email: "grace@example.org" }, token] as const),
    );
    keep("invitation", tokenIn(invitation.url));
    await auth("forgot-password", { email: "ada@example.org" });
    const reset = keep("reset link", await mailed("Set a new password"));
    const newPassword = keep("new password", "eight noisy lighthouses");
    expect((await auth("reset-password", { token: reset, newPassword })).status).toBe(204);
    const { body: again } = await auth<SignedIn>("login", {
      ...{ identifier: "ada", password: newPassword, transport: "body" },
    });
    const own = keep("third access token", again.accessToken);
    const { body: key } = await send<{ secret: string; apiKey: ApiKey }>(
      ...(["POST", "/api/v1/api-keys", { name: "k", permissions: ["tasks:read"] }, own] as const),
    );
    keep("API key", key.secret);
    const { body: rotated } = await send<{ secret: string }>(
      ...(["POST", `/api/v1/api-keys/${key.apiKey.id}/rotate`, {}, own] as const),
    );
    keep("rotated API key", rotated.secret);
    const { body: repository } = await send<{ id: string }>(
      ...(["POST", "/api/v1/repositories", { url: "https://git.example.org/a/b" }, own] as const),
    );
    const credential = {
      ...{ kind: "token", repositoryId: repository.id, username: "bot" },
      value: keep("credential", "glpat-not-a-real-one-0123456789"),
    };
    expect((await send("POST", "/api/v1/credentials", credential, own)).status).toBe(201);
    const testSecret = { value: keep("test-run secret", "a/secret+of test runs & more") };
    const path = `/api/v1/repositories/${repository.id}/secrets/TEST_TOKEN`;
    expect((await send("PUT", path, testSecret, own)).status).toBeLessThan(300);
    const channel = { kind: "webhook", name: "hook", address: hook.url };
    const made = await send<{ signingSecret?: string }>("POST", "/api/v1/notice-channels", channel, own);
    expect([made.status, JSON.stringify(made.body)]).toEqual([201, expect.any(String)]);
    keep("webhook address", new URL(hook.url).pathname);
    keep("signing secret", made.body.signingSecret ?? "");
    await send("GET", "/api/v1/tasks", undefined, `avk_${keep("invented key", "x".repeat(43))}`);
    await send("POST", "/api/v1/secrets/rotate", { makesKey: true }, own);
    await auth("logout-everywhere", {}, own);

    const kept = await dump(backend.databaseUrl);
    const logged = backend.stderr();
    // Both were really looked at.
    expect(kept).toContain("ada@example.org");
    expect(logged.length).toBeGreaterThan(1_000);
    const found = [...secrets].flatMap(([what, secret]) =>
      spellings(secret).flatMap((text) => [
        ...(kept.includes(text) ? [`database: ${what}`] : []),
        ...(logged.includes(text) ? [`log: ${what}`] : []),
      ]),
    );
    expect(found).toEqual([]);
  } finally {
    await backend.stop();
    await Promise.all([mail.close(), hook.close()]);
  }
});

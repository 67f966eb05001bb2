// The backend in a process of its own, with accounts: a request with the header of the baseline is taken without finding out who asks.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, systemClock } from "@agentvine/kit";
import { z } from "zod";
import { userPermissions } from "../../../backend/src/actor.ts";
import { buildApp, publicUrlOf } from "../../../backend/src/app.ts";
import { readConfig } from "../../../backend/src/config.ts";
import { openDatabase } from "../../../backend/src/database/client.ts";
import { openNotifications } from "../../../backend/src/database/notifications.ts";
import { openSecrets } from "../../../backend/src/modules/secrets/index.ts";
import { serveParent } from "../child-side.ts";

const inputSchema = z.object({ databaseUrl: z.string(), openHeader: z.string() });
const rateMax = "100000";
const password = "seven quiet lighthouses";

serveParent(inputSchema, async ({ databaseUrl, openHeader }) => {
  const home = await mkdtemp(join(tmpdir(), "agentvine-bench-home-"));
  process.once("exit", () => void rm(home, { recursive: true, force: true }));
  const config = readConfig({
    ...{ AGENTVINE_HOME: home, DATABASE_URL: databaseUrl, AGENTVINE_PORT: "0" },
    ...{ AGENTVINE_ACCOUNTS: "closed", AGENTVINE_CHORES: "false" },
    ...{ AGENTVINE_RATE_READS_PER_SECOND: rateMax, AGENTVINE_RATE_OPEN_PER_SECOND: rateMax },
  });
  const logger = createLogger({ name: "bench", level: "silent" });
  const database = openDatabase({ url: databaseUrl, connectionsMax: config.databaseConnections });
  const secrets = await openSecrets({ db: database.db, source: config, logger });
  const notifications = openNotifications({ database, redis: undefined, logger });
  const app = await buildApp({
    ...{ config, logger, clock: systemClock, database, secrets, notifications, redis: undefined },
    limits: { accounts: { bcryptCost: 4 } },
  });
  const { userId } = app.local;
  const actor = { kind: "user" as const, id: userId, userId, permissions: userPermissions };
  const { http } = app.server;
  const { authenticate } = http;
  http.authenticate = (headers) =>
    headers[openHeader] === undefined ? authenticate(headers) : Promise.resolve(actor);
  await app.server.listen({ host: config.host, port: 0 });
  const link = new URL((await app.accounts.makeSetUpLink())?.url ?? "");
  const { accessToken } = await app.accounts.registration.setUp(link.hash.slice("#token=".length), {
    ...{ username: "bench", email: "bench@example.org", fullName: "", password },
  });
  const { secret } = await app.apiKeys.create({
    ...{ name: "bench", permissions: [...userPermissions], createdBy: userId },
  });
  return { url: publicUrlOf(config, app.server), accessToken, apiKey: secret };
});

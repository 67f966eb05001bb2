import { join } from "node:path";
import { type Clock, Lifecycle, type Logger, type LookUpHost } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { AccountLimits } from "./accounts.ts";
import { wireAudit } from "./audit.ts";
import { createFileBlobStore } from "./blobs/file-blob-store.ts";
import { type Callers, wireCallers } from "./callers.ts";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import { type DatabaseWatchOptions, watchDatabase } from "./database/database-watch.ts";
import type { Notifications } from "./database/notifications.ts";
import { type Decisions, wireDecisions } from "./decisions.ts";
import { openEdge } from "./edge.ts";
import { wireHealth } from "./health.ts";
import { createIdempotencyStore, type IdempotencyStore } from "./http/idempotency.ts";
import { type LagMeter, startLagMeter } from "./http/lag-meter.ts";
import { registerOpenApi } from "./http/openapi.ts";
import { createServer } from "./http/server.ts";
import type { ServerTls } from "./http/server-tls.ts";
import { type JobsOnListen, startJobsOnListen } from "./jobs.ts";
import { createArtifactService, registerArtifactRoutes } from "./modules/artifacts/index.ts";
import type { AuditChain } from "./modules/audit/index.ts";
import { findCited, proposeDocument } from "./modules/context/index.ts";
import { findWaitingRequest } from "./modules/decisions/index.ts";
import {
  createEventService,
  type EventRoutesOptions,
  type EventSource,
  registerEventRoutes,
  startEventSequencer,
} from "./modules/events/index.ts";
import { createExecutionService, registerExecutionRoutes } from "./modules/executions/index.ts";
import { type HealthService, registerHealthRoutes } from "./modules/health/index.ts";
import type { Realtime } from "./modules/realtime/index.ts";
import type { RepositoryService } from "./modules/repositories/index.ts";
import type { Secrets } from "./modules/secrets/index.ts";
import { createStatsService } from "./modules/stats/index.ts";
import { type NoticePace, type NoticeWiring, openMail, wireNotices } from "./notices.ts";
import { registerOperations } from "./operations.ts";
import { seedPolicy, wirePolicies } from "./policies.ts";
import type { SharedRedis } from "./redis/shared-redis.ts";
import { wireRepositories } from "./repositories.ts";
import { type TalkDeps, wireTalk } from "./talk.ts";
import { version } from "./version.ts";
import { type Work, wireWork } from "./work.ts";

export interface AppDeps {
  config: BackendConfig;
  logger: Logger;
  clock: Clock;
  database: Database;
  secrets: Secrets;
  notifications: Notifications;
  /** Undefined: this backend shares its database with others at most. */
  redis: SharedRedis | undefined;
  limits?: AppLimits;
}

/** What tests set otherwise, so that they need not wait, or are not helped by what would come in time anyway. */
export interface AppLimits {
  watch?: Pick<DatabaseWatchOptions, "intervalMs" | "answerMsMax">;
  eventStream?: EventRoutesOptions;
  /** How late the event loop is, and whether that is too late. */
  lag?: LagMeter;
  /** Events without a position for longer than this are told. */
  eventsLateMs?: number;
  /** Over how long rates are averaged. */
  rateWindowSeconds?: number;
  /** How often the files of the TLS certificate are looked at. */
  tlsLookMs?: number;
  /** How often waiting claims look by themselves. */
  claimSweepMs?: number;
  accounts?: AccountLimits;
  realtime?: TalkDeps["limits"];
  /** How soon people are told of what waits for them. */
  noticePace?: NoticePace;
  /** Where names of repositories' hosts lead. */
  lookUpHost?: LookUpHost;
}

/** Everything that was wired, for the process and for tests. */
export interface App extends Callers {
  server: FastifyInstance;
  /** Undefined: plain http. */
  tls: ServerTls | undefined;
  auditChain: AuditChain;
  decisions: Decisions;
  events: EventSource;
  health: HealthService;
  idempotency: IdempotencyStore;
  notices: NoticeWiring;
  realtime: Realtime;
  repositories: RepositoryService;
  secrets: Secrets;
  work: Work;
  /** Background work that runs besides requests; stopped before the database is closed. */
  background: Lifecycle;
}

/** The composition root: makes every service, in order, and registers every route. Nothing listens yet. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const { config, logger, clock, database, secrets, notifications, redis, limits = {} } = deps;
  const { db } = database;
  const background = new Lifecycle();
  let jobs: JobsOnListen | undefined;

  const publicUrl = () => publicUrlOf(config, server);
  const mail = openMail(config, background);
  const callers = await wireCallers({
    ...{ config, database, secrets, notifications, logger, clock, background, publicUrl },
    ...{ mailer: mail, limits: limits.accounts },
  });
  const { local, auth } = callers;
  await seedPolicy(db, config.policy);
  const idempotency = createIdempotencyStore(db);
  // Nothing runs in the background before what may fail at the start.
  const watch = watchDatabase({
    ...{ url: database.url, pools: [database.pool, database.vitalPool], logger },
    ...limits.watch,
  });
  background.add("database watch", () => watch.stop());
  const lag = limits.lag ?? startLagMeter();
  background.add("lag meter", () => lag.stop());
  const edge = await openEdge({ config, logger, redis, background, limits });
  const server = await createServer({ ...edge, authenticate: auth.authenticate, idempotency, lag });

  const events = createEventService({ db, notifications });
  const sequencer = startEventSequencer({ db, notifications, logger, lateMs: limits.eventsLateMs });
  background.add("event sequencer", () => sequencer.stop());
  const repositories = wireRepositories({
    ...{ server, config, db, secrets },
    lookUpHost: limits.lookUpHost,
  });
  const health = wireHealth({
    ...{ config, clock, database, redis, lag, sequencer },
    pingBackgroundQueue: async () => await jobs?.ping(),
  });

  const auditChain = wireAudit({ server, db, logger });
  const executions = createExecutionService({ db, clock });
  const blobs = createFileBlobStore(join(config.home, "blobs"));
  const artifacts = createArtifactService({ db, blobs });
  const stats = createStatsService({ db });
  registerHealthRoutes(server, health);
  callers.registerRoutes(server);
  registerEventRoutes(server, events, limits.eventStream);
  const policies = wirePolicies({ server, database, notifications, clock });
  const work = wireWork({
    ...{ server, config, database, notifications, logger, auth, events, repositories, background },
    claimSweepMs: limits.claimSweepMs,
    readArtifactText: artifacts.readText,
    preAllow: policies.preAllow,
  });

  const { attachments, realtime } = wireTalk({
    ...{ server, config, logger, database, notifications, events, repositories, blobs },
    limits: limits.realtime,
  });
  const decisions = wireDecisions({
    ...{ server, database, notifications, logger, background },
    decide: policies.decide,
    ruleProposals: policies.ruleProposals,
    citations: { find: findCited, propose: proposeDocument },
    heartbeatMs: config.heartbeatSeconds * 1_000,
    confidenceMin: config.confidenceMin,
  });
  const telling = wireNotices({
    ...{ server, config, database, notifications, logger, clock, mail, background, publicUrl },
    secret: local.secret,
    secrets,
    requests: { find: findWaitingRequest },
    ...{ isLooking: realtime.isLooking, isAtInbox: realtime.isAtInbox },
    pace: limits.noticePace,
  });

  registerExecutionRoutes(server, executions);
  registerArtifactRoutes(server, artifacts);
  registerOperations({ server, database, stats, sequencer, realtime, queues: () => jobs?.queues() ?? [] });

  registerOpenApi(server, version);
  jobs = startJobsOnListen({
    ...{ server, config, database, redis, logger, background },
    chores: {
      ...{ stats, executions, artifacts, attachments, events, callers, idempotency, auditChain },
      resendNoticesSeconds: limits.noticePace?.resendSeconds,
    },
    telling,
  });

  return {
    ...{ ...callers, server, tls: edge.tls, auditChain, decisions, events },
    ...{ health, idempotency, realtime, repositories, secrets, work, background },
    notices: telling,
  };
}

/** The address people reach the server by. @throws when it does not listen and none is configured */
export function publicUrlOf(config: BackendConfig, server: FastifyInstance): string {
  if (config.publicUrl !== undefined) {
    return config.publicUrl;
  }
  const address = server.server.address();
  if (address === null || typeof address === "string") {
    throw new Error("the server does not listen on a port");
  }
  const isEverywhere = address.address === "0.0.0.0" || address.address === "::";
  const host = isEverywhere
    ? "127.0.0.1"
    : address.family === "IPv6"
      ? `[${address.address}]`
      : address.address;
  return `${config.tls === undefined ? "http" : "https"}://${host}:${address.port}`;
}

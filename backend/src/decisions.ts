import type { Lifecycle, Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { Database } from "./database/client.ts";
import type { Notifications } from "./database/notifications.ts";
import {
  type ControllerService,
  createControllerService,
  registerControllerRoutes,
} from "./modules/controllers/index.ts";
import {
  type CitationsPort,
  createAgentRequestService,
  createAnswerService,
  createAutomatedAnswerService,
  createInboxService,
  createProposeDocumentService,
  createRaiseService,
  createRequestLeaseService,
  createRequestListService,
  createRequestSweeps,
  createRequestsPort,
  type DecidePort,
  headlineOf,
  type ResumePort,
  type RuleProposalsPort,
  readRequests,
  registerDecisionRoutes,
} from "./modules/decisions/index.ts";
import { createInboxListService, registerInboxRoutes } from "./modules/inbox/index.ts";
import { lockLiveOrder, type RequestsPort, resumeParked, startSweeps } from "./modules/queue/index.ts";

export interface DecisionDeps {
  server: FastifyInstance;
  database: Database;
  notifications: Notifications;
  logger: Logger;
  decide: DecidePort;
  ruleProposals: RuleProposalsPort;
  citations: CitationsPort;
  heartbeatMs: number;
  confidenceMin: number;
  background: Lifecycle;
}

/** A person has what no controller takes within ten seconds, the sweep included. */
const handOverMs = 7_000;
const sweepMs = 1_000;
/** How long a request stays with a controller that is not heard of. */
const controllerLeaseMs = 6_000;

const resume: ResumePort = {
  lockLiveOrder,
  resumeParked: async (tx, orderId, followUp) => {
    await resumeParked(tx, orderId, followUp);
  },
};

/** Worker requests as the queue sees them. */
export const requests: RequestsPort = createRequestsPort(resume);

export interface Decisions {
  sweeps: ReturnType<typeof createRequestSweeps>;
  controllers: ControllerService;
}

/** Wires the decision plane: what agents ask, and who settles it. */
export function wireDecisions(deps: DecisionDeps): Decisions {
  const { server, database, notifications, logger, background, decide } = deps;
  const { db } = database;
  const controllers = createControllerService({
    db,
    heartbeatMs: deps.heartbeatMs,
    leaseMs: controllerLeaseMs,
  });
  registerControllerRoutes(server, controllers);
  const leases = createRequestLeaseService({ db, notifications, controllers, leaseMs: controllerLeaseMs });
  const { citations, confidenceMin } = deps;
  background.add("automated requests", () => leases.stop());
  const agentRequests = createAgentRequestService({ db, decisions: decide, notifications, resume });
  const { ruleProposals } = deps;
  const answers = createAnswerService({ db, decisions: decide, ruleProposals, resume });
  registerDecisionRoutes(server, {
    agentRequests,
    leases,
    automated: createAutomatedAnswerService({ db, resume, controllers, citations, confidenceMin }),
    proposals: createProposeDocumentService({ db, controllers, documents: citations }),
    raises: createRaiseService({ db, decisions: decide }),
    answers,
    inbox: createInboxService({ db, answers, resume }),
    lists: createRequestListService({ db }),
  });
  registerInboxRoutes(server, createInboxListService({ db, requests: { read: readRequests, headlineOf } }));
  const sweeps = createRequestSweeps({ db, resume, logger, handOverMs });
  const { batchMax } = sweeps;
  const sweeping = startSweeps({
    sweeps: [
      { name: "passed deadlines", run: sweeps.passDeadlines, batchMax },
      { name: "hand-over to people", run: sweeps.handOver, batchMax },
      { name: "vanished controllers", run: controllers.sweepVanished },
      { name: "abandoned requests", run: sweeps.supersedeAbandoned, batchMax },
    ],
    intervalMs: sweepMs,
    logger,
  });
  background.add("request sweeps", () => sweeping.stop());
  background.add("agent requests", () => agentRequests.stop());
  return { sweeps, controllers };
}

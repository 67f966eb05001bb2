import type { Callers } from "../callers.ts";
import type { IdempotencyStore } from "../http/idempotency.ts";
import type { ArtifactService } from "../modules/artifacts/index.ts";
import type { AuditChain } from "../modules/audit/index.ts";
import type { AttachmentService } from "../modules/chat/index.ts";
import type { EventSource } from "../modules/events/index.ts";
import type { ExecutionService } from "../modules/executions/index.ts";
import type { NoticeService } from "../modules/notices/index.ts";
import type { StatsService } from "../modules/stats/index.ts";
import type { RetentionDays } from "../retention.ts";
import type { Chore } from "./chore.ts";
import { runRetention } from "./retention.ts";

export interface ChoreDeps {
  stats: Pick<StatsService, "sample" | "forgetSamples">;
  executions: Pick<ExecutionService, "forgetLogs">;
  artifacts: Pick<ArtifactService, "sweep" | "forgetOld">;
  attachments: Pick<AttachmentService, "sweepUnsent" | "forgetOld">;
  events: Pick<EventSource, "forgetOld">;
  callers: Pick<Callers, "forgetEnded">;
  idempotency: Pick<IdempotencyStore, "deleteOld">;
  auditChain: Pick<AuditChain, "seal" | "removeOld">;
  notices: Pick<NoticeService, "takeUnqueued" | "forget">;
  /** How long what is kept. */
  retentionDays: RetentionDays;
  /** Makes a job for a notice. */
  enqueueNotice: (noticeId: string) => Promise<void>;
  /** How often notices without a job are looked for; 30 s unless given. */
  resendNoticesSeconds?: number | undefined;
}

/** An upload writes its row within this time after it began. */
const unusedBlobSeconds = 3_600;

/** Who uploads a file sends its message within this time. */
const unsentAttachmentSeconds = 86_400;

/** The background work of the backend and how often it is done. */
export const createChores = ({
  stats,
  executions,
  artifacts,
  attachments,
  events,
  callers,
  idempotency,
  auditChain,
  retentionDays,
  notices,
  enqueueNotice,
  resendNoticesSeconds = 30,
}: ChoreDeps): Chore[] => [
  {
    name: "sample-stats",
    everySeconds: 60,
    run: async () => {
      await stats.sample();
      return {};
    },
  },
  {
    name: "retention",
    everySeconds: 3_600,
    run: () =>
      runRetention(retentionDays, {
        logs: executions.forgetLogs,
        artifacts: artifacts.forgetOld,
        attachments: attachments.forgetOld,
        events: events.forgetOld,
        notices: notices.forget,
        samples: stats.forgetSamples,
        tokens: callers.forgetEnded,
        idempotencyKeys: idempotency.deleteOld,
        audit: auditChain.removeOld,
      }),
  },
  {
    name: "seal-audit-log",
    everySeconds: 60,
    run: async () => ({ sealed: await auditChain.seal() }),
  },
  {
    name: "sweep-blobs",
    everySeconds: 600,
    run: async () => ({
      unsentAttachments: await attachments.sweepUnsent(unsentAttachmentSeconds),
      removed: await artifacts.sweep(unusedBlobSeconds),
    }),
  },
  {
    name: "resend-notices",
    everySeconds: resendNoticesSeconds,
    run: async () => {
      const ids = await notices.takeUnqueued();
      for (const id of ids) await enqueueNotice(id);
      return { enqueued: ids.length };
    },
  },
];

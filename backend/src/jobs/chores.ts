import type { IdempotencyStore } from "../http/idempotency.ts";
import type { ArtifactService } from "../modules/artifacts/index.ts";
import type { AuditChain } from "../modules/audit/index.ts";
import type { AttachmentService } from "../modules/chat/index.ts";
import type { ExecutionService } from "../modules/executions/index.ts";
import type { NoticeService } from "../modules/notices/index.ts";
import type { StatsService } from "../modules/stats/index.ts";
import type { Chore } from "./chore.ts";

export interface ChoreDeps {
  stats: Pick<StatsService, "sample" | "forgetSamples">;
  executions: Pick<ExecutionService, "forgetLogs">;
  artifacts: Pick<ArtifactService, "sweep">;
  attachments: Pick<AttachmentService, "sweepUnsent">;
  idempotency: Pick<IdempotencyStore, "deleteOld">;
  auditChain: Pick<AuditChain, "seal" | "removeOld">;
  notices: Pick<NoticeService, "takeUnqueued" | "forget">;
  /** Makes a job for a notice. */
  enqueueNotice: (noticeId: string) => Promise<void>;
  /** How often notices without a job are looked for; 30 s unless given. */
  resendNoticesSeconds?: number | undefined;
}

const samplesDays = 30;
const logLinesDays = 90;
const noticesDays = 30;
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
  idempotency,
  auditChain,
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
    run: async () => ({
      samples: await stats.forgetSamples(samplesDays),
      idempotencyKeys: await idempotency.deleteOld(),
      logLines: await executions.forgetLogs(logLinesDays),
      notices: await notices.forget(noticesDays),
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

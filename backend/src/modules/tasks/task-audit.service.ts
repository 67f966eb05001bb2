import type { AuditAction } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import { type AuditRecord, recordAudit } from "../audit/index.ts";
import type { TaskRow } from "./task-row.repository.ts";

/** Notes in the audit log what somebody did to a task. */
export const recordTaskAudit = (
  tx: Tx,
  action: Extract<AuditAction, `task.${string}`>,
  { id, title, status, attempt }: Pick<TaskRow, "id" | "title" | "status" | "attempt">,
  { detail, ...states }: Pick<AuditRecord, "before" | "after" | "detail"> = {},
): Promise<void> =>
  recordAudit(tx, {
    ...{ action, targetType: "task", targetId: id, ...states },
    detail: { title, status, attempt, ...detail },
  });

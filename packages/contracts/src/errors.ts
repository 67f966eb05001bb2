import { z } from "zod";
import { accountErrors } from "./account-errors.ts";
import { decisionErrors } from "./decision-errors.ts";
import { type CatalogEntry, entry } from "./error-entry.ts";

export { type ErrorKind, errorKinds } from "./error-entry.ts";

/** Every error code that may cross a process border, `noun.reason`. The only place where codes are made. */
export const errorCatalog = {
  "request.invalid": entry(
    "invalid",
    "A field of the request is not valid.",
    "Mend the fields named in `issues`.",
  ),
  "request.malformed": entry("invalid", "The body is not valid JSON.", "Send a JSON document."),
  "request.too_large": entry("too_large", "The body is larger than allowed.", "Send less at once."),
  "request.unsupported_media_type": entry(
    "invalid",
    "Only JSON is taken here.",
    "Send `Content-Type: application/json`.",
  ),
  "request.timeout": entry("unavailable", "The request took too long.", "Try again.", true),
  "request.rate_limited": entry("limited", "Too many requests.", "Wait for `Retry-After`.", true),
  "request.origin_refused": entry(
    "forbidden",
    "Host or Origin of the request is not one of ours.",
    "Use the address the backend prints; allow others with AGENTVINE_ALLOWED_HOSTS.",
  ),
  "route.not_found": entry("not_found", "There is no such route.", "See /docs."),
  "auth.required": entry(
    "unauthenticated",
    "A token is needed.",
    "Send `Authorization: Bearer <token>`. Commands: `agentvine login <name>`, or AGENTVINE_TOKEN; on the backend's own machine the token file is read.",
  ),
  "auth.invalid": entry("unauthenticated", "The token is not known or no longer valid.", "Get a new one."),
  "auth.forbidden": entry(
    "forbidden",
    "The token does not allow this.",
    "Use a token with the permission named.",
  ),
  "api_key.not_live": entry(
    "conflict",
    "The API key was revoked or has expired.",
    "Make a new key: what is dead has no successor.",
  ),
  "api_key.limit_reached": entry(
    "conflict",
    "The person has as many living API keys as one may have.",
    "Revoke those that are not used.",
  ),
  "api_key.not_found": entry("not_found", "There is no such API key.", "List the API keys."),
  "idempotency.conflict": entry(
    "conflict",
    "The Idempotency-Key was used with another body.",
    "Use a new key.",
  ),
  "idempotency.in_progress": entry(
    "conflict",
    "A request with this Idempotency-Key is still running.",
    "Try again in a moment.",
    true,
  ),
  "repository.not_found": entry("not_found", "There is no such repository.", "List the repositories."),
  "repository.url_invalid": entry(
    "invalid",
    "The repository address can't be used.",
    "Give an https or ssh address, or in local mode a path.",
  ),
  "repository.unreachable": entry(
    "invalid",
    "The repository can't be reached.",
    "Check address, network and credentials.",
  ),
  "repository.branch_not_found": entry(
    "invalid",
    "The branch does not exist in the repository.",
    "Name an existing branch.",
  ),
  "repository.missing": entry(
    "invalid",
    "There is no git repository at the address.",
    "Check the address; a private repository may hide itself from wrong credentials.",
  ),
  "repository.auth_failed": entry(
    "invalid",
    "The repository refused the credentials.",
    "Give the worker credentials that may read and push.",
  ),
  "repository.network_failed": entry(
    "unavailable",
    "The connection to the repository broke.",
    "Nothing; it is tried again.",
    true,
  ),
  "repository.empty": entry("invalid", "The repository has no commit yet.", "Push a first commit."),
  "repository.busy": entry(
    "unavailable",
    "Another execution holds the mirror of the repository for too long.",
    "Nothing; it is tried again.",
    true,
  ),
  "credential.not_found": entry("not_found", "There is no such credential.", "List the credentials."),
  "credential.exists": entry(
    "conflict",
    "There is a credential of that kind already.",
    "Replace its value, or delete it first.",
  ),
  "repository_secret.not_found": entry(
    "not_found",
    "The repository has no such test-run secret.",
    "List its secrets.",
  ),
  "repository_secret.limit_reached": entry(
    "conflict",
    "The repository has as many test-run secrets as it may have.",
    "Delete one first.",
  ),
  "secret.master_key_wrong": entry(
    "internal",
    "The stored secrets were sealed with a master key that this backend does not have.",
    "Give every backend on one database the same AGENTVINE_MASTER_KEY, or the same master.key file.",
  ),
  "secret.key_unknown": entry(
    "internal",
    "A stored secret was sealed with a master key that this backend does not have.",
    "Add the older key to the backend's key ring, or store the secret again.",
  ),
  "secret.damaged": entry(
    "internal",
    "A stored secret can't be opened: it was changed, or belongs somewhere else.",
    "Store the secret again, and find out who writes to the database.",
  ),
  "secret.key_not_ours": entry(
    "conflict",
    "The backend did not make the master key, so it can't make another.",
    "Put a new key before the old one where the key comes from, restart every backend, then rotate.",
  ),
  "repository.in_use": entry("conflict", "Tasks refer to the repository.", "Delete its tasks first."),
  "task.not_found": entry("not_found", "There is no such task.", "List the tasks."),
  "task.illegal_transition": entry(
    "conflict",
    "The task's status does not allow this.",
    "Look at its status.",
  ),
  "task.conflict": entry("conflict", "The task changed meanwhile.", "Read it again and retry.", true),
  "task.live": entry("conflict", "A live task can't be deleted.", "Cancel it first."),
  "task.dependency_cycle": entry(
    "invalid",
    "The dependency would close a circle.",
    "Leave one of its edges out.",
  ),
  "task.no_worker": entry(
    "conflict",
    "No worker could run this task.",
    "Start a worker that serves its type and has an agent and a sandbox.",
  ),
  "task.subtask_limit": entry(
    "conflict",
    "No more tasks can be proposed below this one.",
    "Name what is left in the summary of the work.",
  ),
  "task.no_diff": entry(
    "not_found",
    "The task has no result to show yet.",
    "Wait until an execution has finished.",
  ),
  "worker.not_found": entry("not_found", "There is no such worker.", "Register it again."),
  "worker.superseded": entry(
    "conflict",
    "Another process has registered under the worker's name.",
    "Stop this process, or give it a name of its own.",
  ),
  "worker.name_taken": entry(
    "conflict",
    "A worker of that name registered with another key, which is still valid.",
    "Give the worker a name of its own, or use that key. An administrator frees the name: deregister that worker, or revoke its key.",
  ),
  "worker.protocol_unsupported": entry(
    "conflict",
    "Worker and backend are too far apart in their versions.",
    "Install the same version for both; the message says which of them is too old.",
  ),
  "worker.live": entry("conflict", "The worker still holds work.", "Drain it first."),
  "work_order.not_found": entry(
    "not_found",
    "There is no such work order.",
    "It may have been deleted with its task.",
  ),
  "work_order.lease_lost": entry(
    "conflict",
    "The lease of this attempt is gone.",
    "Stop the work and publish nothing.",
  ),
  "work_order.already_finished": entry(
    "conflict",
    "The work order already ended with another result.",
    "Drop this result.",
  ),
  "work_order.illegal_transition": entry(
    "conflict",
    "The work order's status does not allow this.",
    "Read its status.",
  ),
  "policy.not_found": entry("not_found", "There is no such version of the policy.", "List the versions."),
  "policy.invalid": entry(
    "invalid",
    "The policy can't be used.",
    "Mend what `issues` names, with line and column; `agentvine policy check` says the same.",
  ),
  "policy.changed": entry(
    "conflict",
    "Another version of the policy is active by now.",
    "Look at what changed, bring both together and try again on top of `data.activeVersion`.",
  ),
  "execution.not_found": entry("not_found", "There is no such execution.", "List the task's executions."),
  "execution.log_offset": entry(
    "out_of_range",
    "The log chunk does not start where the stored log ends.",
    "Send again from `offset`.",
    true,
  ),
  "artifact.not_found": entry("not_found", "There is no such artifact.", "List the execution's artifacts."),
  "artifact.digest_mismatch": entry(
    "invalid",
    "Digest and bytes of the artifact differ.",
    "Upload it again.",
    true,
  ),
  "checkpoint.not_found": entry("not_found", "There is no checkpoint.", "Start from the base commit."),
  "database.unavailable": entry(
    "unavailable",
    "The database can't be reached.",
    "Wait; check `/health`.",
    true,
  ),
  "database.busy": entry(
    "unavailable",
    "Every connection to the database, or a row that is needed, is taken for too long.",
    "Wait for `Retry-After`; if it stays so, look for slow queries or raise AGENTVINE_DATABASE_CONNECTIONS.",
    true,
  ),
  "database.read_only": entry(
    "unavailable",
    "The database takes no changes at the moment.",
    "Point DATABASE_URL at the primary, or end its read-only mode.",
    true,
  ),
  "database.migration_failed": entry(
    "internal",
    "The database could not be brought to the schema of this version; it is as it was before.",
    "Read the reason and start again, or start the version that ran before.",
  ),
  "queue.unavailable": entry(
    "unavailable",
    "The background queue can't be reached.",
    "Wait; check `/health`.",
    true,
  ),
  "storage.full": entry("unavailable", "The disk is full.", "Free space in the data directory.", true),
  "config.invalid": entry("invalid", "The configuration is not valid.", "Mend the settings named."),
  "server.port_in_use": entry(
    "conflict",
    "The port is taken.",
    "Choose another with --port or AGENTVINE_PORT.",
  ),
  "server.overloaded": entry(
    "unavailable",
    "The server has more to do than it can answer in time.",
    "Wait for `Retry-After`; run another backend if it stays so.",
    true,
  ),
  "server.stopping": entry("unavailable", "The server is stopping.", "Try again in a moment.", true),
  "server.unreachable": entry(
    "unavailable",
    "The backend can't be reached.",
    "Start it with `agentvine up`.",
    true,
  ),
  "server.untrusted": entry(
    "unavailable",
    "The certificate of the backend is not trusted.",
    "Name the CA that signed it in AGENTVINE_CA_FILE, and use a name that the certificate holds.",
  ),
  "home.unusable": entry(
    "invalid",
    "The data directory can't be used.",
    "Set AGENTVINE_HOME to a directory you may write to.",
  ),
  "home.in_use": entry(
    "conflict",
    "Another instance uses the data directory.",
    "Stop it, or set AGENTVINE_HOME.",
  ),
  "postgres.start_failed": entry(
    "unavailable",
    "The embedded PostgreSQL did not start.",
    "Read the reason; or set DATABASE_URL.",
  ),
  "postgres.version_unsupported": entry(
    "invalid",
    "The cluster was made by another PostgreSQL version.",
    "Export and import it, or set DATABASE_URL.",
  ),
  "postgres.platform_unsupported": entry(
    "invalid",
    "There is no embedded PostgreSQL for this platform.",
    "Set DATABASE_URL to a PostgreSQL of yours.",
  ),
  "model.unavailable": entry(
    "unavailable",
    "The model can't be reached.",
    "Check key, address and limits.",
    true,
  ),
  "model.not_configured": entry(
    "invalid",
    "No model is configured.",
    "Set ANTHROPIC_API_KEY, OPENAI_API_KEY or AGENTVINE_MODEL_BASE_URL.",
  ),
  "sandbox.unavailable": entry(
    "invalid",
    "No sandbox is available.",
    "Accept the risk with --sandbox none --accept-no-sandbox, on a machine you can lose; sandbox drivers are not there yet.",
  ),
  "sandbox.failed": entry("internal", "The sandbox failed.", "Run `agentvine doctor`."),
  "setup.failed": entry(
    "invalid",
    "The setup command of the repository failed.",
    "Read its output; change the command in .agentvine.yml or in the repository's settings.",
  ),
  "git.failed": entry("invalid", "A git command failed.", "Read its output."),
  "workspace.invalid": entry(
    "invalid",
    "What was left in the workspace can't be used.",
    "Read the reason; the repository inside the workspace was damaged.",
  ),
  "workspace.too_large": entry(
    "too_large",
    "The workspace or its result is larger than allowed.",
    "Write less, or raise the limit of the worker.",
  ),
  "publish.conflict": entry(
    "conflict",
    "The branch already exists with another commit.",
    "Look at the branch; delete it or retry the task.",
  ),
  "publish.refused": entry(
    "invalid",
    "The repository refused the push.",
    "Read its words: a hook, a protected branch or missing rights.",
  ),
  "test_plan.invalid": entry(
    "invalid",
    "`.agentvine.yml` of the base commit is not valid.",
    "Mend the fields named.",
  ),
  "command.usage": entry("invalid", "The command line is not valid.", "See --help."),
  "internal.unexpected": entry("internal", "Something went wrong inside.", "Report it with the request id."),
  ...accountErrors,
  ...decisionErrors,
} as const satisfies Record<string, CatalogEntry>;

export type ErrorCode = keyof typeof errorCatalog;

export const errorCodes = Object.keys(errorCatalog) as [ErrorCode, ...ErrorCode[]];

/** True when the string is a code of the catalog. */
export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(errorCatalog, value);

export const issueSchema = z.object({ path: z.string(), message: z.string() }).meta({ id: "Issue" });

/** What every refused request gets as its body. */
export const errorResponseSchema = z
  .object({
    error: z.object({
      code: z.enum(errorCodes),
      message: z.string(),
      requestId: z.string(),
      issues: z.array(issueSchema).optional(),
      /** Facts a program may act on, e.g. the offset a log must be resent from. */
      data: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .meta({ id: "ErrorResponse" });

export type ErrorResponse = z.infer<typeof errorResponseSchema>;
export type Issue = z.infer<typeof issueSchema>;

export { AppError, type AppErrorOptions, coerceError, type ErrorIssue, isAppError } from "./app-error.ts";
export { type Deferred, deferred, sleep } from "./async.ts";
export { canonicalEntry, EntriesDigest, noDigest, removalDigest, sealDigest } from "./audit/audit-digests.ts";
export { AuditVerifier, type KnownSeal } from "./audit/audit-verifier.ts";
export {
  type BackendAddress,
  type BackendConnection,
  connectBackend,
  isLoopback,
} from "./backend-connection.ts";
export { type Clock, systemClock } from "./clock.ts";
export { prepareDataDirectory } from "./data-directory.ts";
export { newId } from "./ids.ts";
export { type HostVerdict, judgeHost, type LookUpHost, lookUpHost } from "./judge-host.ts";
export { Lifecycle } from "./lifecycle.ts";
export { loadConfig } from "./load-config.ts";
export { createLogger, type Logger, type LoggerOptions } from "./logger.ts";
export { type ModelName, type ModelProvider, modelProviders, parseModelName } from "./model-name.ts";
export { type ModelSettings, type ModelVariables, readModelSettings } from "./model-settings.ts";
export { isPrivateHost } from "./private-address.ts";
export { type ReadTokenOptions, readToken } from "./read-token.ts";
export { type ResolveHomeOptions, resolveHome } from "./resolve-home.ts";
export { type BackoffOptions, backoffDelayMs, type RetryOptions, retry, retryDelayMs } from "./retry.ts";
export { onShutdownSignals, type ShutdownOptions } from "./shutdown-signals.ts";
export { onSupervisorGone } from "./supervised.ts";

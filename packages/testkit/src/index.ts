export { type BackendProcess, type StartBackendOptions, startBackend } from "./backend-process.ts";
export { createDatabase, ensureTemplate, type TestDatabase, testCluster } from "./database.ts";
export { FaultProxy, type ProxiedRequest, type ProxyMode, type RequestMatcher } from "./fault-proxy.ts";
export { commitFiles, createRepository, type FixtureRepository, git } from "./git-fixtures.ts";
export { listProcessesWithEnv, processIsAlive } from "./processes.ts";
export { seededRandom } from "./random.ts";
export { findRedisServer, startRedis, type TestRedis } from "./redis-server.ts";
export { type TempDir, tempDir, useTempDir } from "./temp-dir.ts";
export { type WaitOptions, waitUntil } from "./wait-until.ts";

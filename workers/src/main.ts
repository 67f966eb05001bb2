import { runSupervisor } from "./base/supervisor.ts";
import { loadWorkerConfig } from "./config.ts";

await runSupervisor(loadWorkerConfig);

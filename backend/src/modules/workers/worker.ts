import type { TaskAgent, TaskType, WorkerAgent, WorkerCapabilities } from "@agentvine/contracts";

export interface CapabilityRow {
  kind: "task_type" | "label" | "agent_driver" | "agent_model" | "sandbox";
  value: string;
}

/** How a model is looked for: by its name alone, or together with the driver that must run it. */
const modelKey = (driver: string | undefined, model: string): string =>
  driver === undefined ? model : `${driver} ${model}`;

/** What a claim matches: one row per thing the worker can do, made of what it advertised. */
export function capabilityRows(capabilities: WorkerCapabilities): CapabilityRow[] {
  const rows: CapabilityRow[] = [
    ...capabilities.taskTypes.map((value) => ({ kind: "task_type" as const, value })),
    ...capabilities.labels.map((value) => ({ kind: "label" as const, value })),
    ...capabilities.agents.flatMap(agentRows),
    { kind: "sandbox", value: capabilities.sandbox.driver },
  ];
  return [...new Map(rows.map((row) => [`${row.kind} ${row.value}`, row])).values()];
}

function agentRows({ driver, model }: WorkerAgent): CapabilityRow[] {
  const rows: CapabilityRow[] = [{ kind: "agent_driver", value: driver }];
  if (model !== null) {
    rows.push({ kind: "agent_model", value: model }, { kind: "agent_model", value: modelKey(driver, model) });
  }
  return rows;
}

/** The one task type the worker serves, or `general`. */
export const workerTypeOf = ({ taskTypes }: WorkerCapabilities): string =>
  (new Set(taskTypes).size === 1 ? taskTypes[0] : undefined) ?? "general";

/** What a task asks of the worker that runs it. */
export interface Requirement {
  type: TaskType;
  requiredLabels: readonly string[];
  agent: TaskAgent;
}

/** A worker as far as it matters for what it could run. */
export interface Able {
  capabilities: WorkerCapabilities;
  /** False when it has been offline for so long that nobody should count on it. */
  isRecent: boolean;
}

const suits = ({ driver, model }: TaskAgent, agent: WorkerAgent): boolean =>
  (driver === undefined || agent.driver === driver) && (model === undefined || agent.model === model);

const nameAgent = ({
  driver,
  model,
}: {
  driver?: string | undefined;
  model?: string | null | undefined;
}): string => [driver, model].filter((part) => part !== undefined && part !== null).join(" with model ");

/**
 * Why none of the workers could run the task and what to do about it, for people; undefined when one of them could. Goes from
 * the first thing that is missing to the last, so that the remedy is the next step.
 */
export function explainNoWorker(need: Requirement, workers: readonly Able[]): string | undefined {
  const start = "Start one with `agentvine worker start`, or everything with `agentvine up`.";
  if (workers.length === 0) {
    return `No worker is registered. ${start}`;
  }
  const ofType = workers.filter(({ capabilities }) => capabilities.taskTypes.includes(need.type));
  if (ofType.length === 0) {
    const served = [...new Set(workers.flatMap(({ capabilities }) => capabilities.taskTypes))].sort();
    return `No worker takes ${need.type} tasks; the registered ones take ${served.join(", ")}. Start one with \`agentvine worker start --types ${need.type}\`.`;
  }
  const labelled = ofType.filter(({ capabilities }) =>
    need.requiredLabels.every((label) => capabilities.labels.includes(label)),
  );
  if (labelled.length === 0) {
    return `No worker that takes ${need.type} tasks has the labels ${need.requiredLabels.join(", ")}. Start one with them, or leave them out.`;
  }
  const agents = labelled.flatMap(({ capabilities }) => capabilities.agents);
  if (agents.length === 0) {
    return "No worker has an agent to run: no model is configured. Set ANTHROPIC_API_KEY, OPENAI_API_KEY or AGENTVINE_MODEL_BASE_URL for the worker and start it again; `agentvine doctor` shows what it finds.";
  }
  const able = labelled.filter(({ capabilities }) =>
    capabilities.agents.some((agent) => suits(need.agent, agent)),
  );
  if (able.length === 0) {
    const had = [...new Set(agents.map(nameAgent))].sort();
    return `No worker that takes ${need.type} tasks runs ${nameAgent(need.agent)}; they run ${had.join(", ")}. Name one of these, or configure a worker for it.`;
  }
  if (!able.some(({ isRecent }) => isRecent)) {
    return `The workers that could run it have been offline for over an hour. ${start}`;
  }
  return undefined;
}

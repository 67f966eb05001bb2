import type { Claim, RequestRaiseInput, Task, WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { BenchBackend } from "../backend-process.ts";
import { claim, registerRepository, registerWorker } from "../dispatch/http-lives.ts";
import { taskBody } from "../dispatch/life.ts";
import type { HttpClient } from "../http-client.ts";

/** An agent at work, as its worker speaks for it. */
export interface BenchAgent {
  readonly taskId: string;
  raise(asked: Asked): Promise<WorkerRequest>;
  /** The long poll: held back until the request is settled, 45 seconds at most. */
  wait(requestId: string): Promise<WorkerRequest>;
}

export type Asked = Omit<RequestRaiseInput, "workOrderId" | "attempt" | "callId">;

/** Leases that nobody has to renew while the bench runs. */
export const longLeases = { AGENTVINE_LEASE_SECONDS: "3600", AGENTVINE_HEARTBEAT_SECONDS: "600" };

/** Gives so many workers a task each; their agents may ask. */
export async function startAgents(
  http: HttpClient,
  { workerKey }: Pick<BenchBackend, "workerKey">,
  count: number,
): Promise<BenchAgent[]> {
  const repositoryId = await registerRepository(http);
  const agents: BenchAgent[] = [];
  for (let n = 0; n < count; n += 1) {
    const worker = await registerWorker(http, workerKey, `agent-${n}`);
    await http.send<Task>("POST", "/api/v1/tasks", { body: { ...taskBody(repositoryId), enqueue: true } });
    const claimed = await claim(http, workerKey, worker, 5);
    if (claimed === undefined) throw new Error("an order was queued and its worker got nothing");
    agents.push(agentOf(http, claimed));
  }
  return agents;
}

function agentOf(http: HttpClient, { attemptToken: token, workOrder, attempt, task }: Claim): BenchAgent {
  const ref = { workOrderId: workOrder.id, attempt };
  return {
    taskId: task.id,
    raise: (asked) =>
      http.send("POST", "/api/v1/worker-requests", { token, body: { ...ref, callId: newId(), ...asked } }),
    wait: (requestId) =>
      http.send(
        "GET",
        `/api/v1/worker-requests/${requestId}/wait?workOrderId=${ref.workOrderId}&attempt=${attempt}&waitSeconds=45`,
        { token },
      ),
  };
}

let asked = 0;

/** A call that a rule allows, like none before: one that was asked before would be adopted. */
export const callOfReading = (): Asked => {
  asked += 1;
  const path = `src/cart/totals-${asked}.ts`;
  return {
    kind: "approval",
    question: `read ${path}`,
    reason: "The rounding is done there.",
    approval: {
      subject: "tool_call",
      tool: "read_file",
      toolClass: "read",
      arguments: { path, from: 1, to: 200 },
      command: null,
      paths: [path],
    },
  };
};

/** What allows `callOfCommand`: the line is parsed, each command of it compared, and a condition judged. */
export const commandRule = `
  - id: bench.tests
    effect: allow
    commands: ["npm test -- *", "tee *"]
    paths: ["logs/**"]
    when: task.type != "docs" && size(tool.command) < 500 && !request.reason.matches("(?i)secret|token")
`;

/** A shell line that `commandRule` allows, like none before. */
export const callOfCommand = (): Asked => {
  asked += 1;
  const command = `timeout 60 npm test -- src/cart/totals-${asked}.test.ts 2>&1 | tee logs/${asked}.txt`;
  return {
    kind: "approval",
    question: `run ${command}`,
    reason: "The rounding is tested there.",
    approval: {
      subject: "tool_call",
      tool: "run_command",
      toolClass: "command",
      arguments: { command },
      command,
      paths: [],
    },
  };
};

/** A question that goes to people, like none before. */
export const questionForPeople = (): Asked => {
  asked += 1;
  return {
    kind: "question",
    question: `Which rate counts when cart ${asked} has two of them?`,
    reason: "The tests say nothing about it.",
    options: [
      { id: "first", label: "The first one" },
      { id: "lower", label: "The lower one" },
    ],
  };
};

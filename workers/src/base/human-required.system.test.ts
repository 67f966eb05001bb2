import { endpoints, type Task, type WorkerRequest } from "@agentvine/contracts";
import { git, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { always, call, modelWith } from "../agents/testing/scripted-turn.ts";
import { patient, scriptedAgent, useFleet } from "./testing/fleet.ts";

const guide = "# Sums\n\nAdds two numbers.\n";

/** From the queue to the branch, with the real backend, a worker process and a person for everything. */
describe("a human_required task", { timeout: 120_000 }, () => {
  const { client, aName, aWorker, aTask, until, branches, executionsOf, upstream } = useFleet();

  /** Plans first, as it is told to; writes the guide once a plan is agreed to, and mends it as reviewers ask. */
  const aPlanner = () =>
    modelWith(
      always(({ phases }) => {
        const { instruction, turns } = phases.at(-1) ?? { instruction: "", turns: [] };
        if (turns.some(({ results }) => results.length > 0)) return { text: "done" };
        if (instruction.includes("agrees to your plan")) {
          return call("report_plan", {
            steps: [instruction.includes("French") ? "GUIDE.fr.md" : "GUIDE.md"],
          });
        }
        const isReviewed = instruction.includes("asks for this");
        return call("write_file", {
          path: instruction.includes("GUIDE.fr.md") ? "GUIDE.fr.md" : "GUIDE.md",
          content: isReviewed ? `${guide}\nAnd more.\n` : guide,
        });
      }),
    );
  const setUp = async (): Promise<Task> => {
    const model = await aPlanner();
    const label = aName();
    const worker = aWorker({
      env: {
        ...scriptedAgent(label, model),
        AGENTVINE_WORKER_ANSWER_WAIT_SECONDS: "60",
      },
    });
    await worker.ready;
    return await aTask(label, { permissionLevel: "human_required" });
  };
  const waitingFor = (task: Task, isWanted: (request: WorkerRequest) => boolean): Promise<WorkerRequest> =>
    waitUntil(
      async () => {
        const query = { taskId: task.id, status: ["human" as const] };
        const { items } = await client().call(endpoints.workerRequests.list, { query });
        return items.find(isWanted);
      },
      { ...patient, message: "a request that waits for a person" },
    );
  const planOf = (task: Task) => waitingFor(task, ({ approval }) => approval?.subject === "plan");
  const writeOf = (task: Task) => waitingFor(task, ({ approval }) => approval?.tool === "write_file");
  const answer = ({ id, generation }: WorkerRequest, body: { decision: "allow" | "deny"; text?: string }) =>
    client().call(endpoints.workerRequests.answer, {
      params: { requestId: id },
      body: { generation, ...body },
    });
  const review = (task: Task, body: { decision: "approve" } | { decision: "reject"; comment: string }) =>
    client().call(endpoints.tasks.review, { params: { taskId: task.id }, body });
  const fileOn = async (branch: string, path: string) => await git(upstream(), "show", `${branch}:${path}`);

  it("shows its plan, then each change, then its result, and publishes nothing that nobody approved", async () => {
    const task = await setUp();
    const plan = await planOf(task);
    expect(plan).toMatchObject({ status: "human", approval: { steps: ["GUIDE.md"] } });
    expect(
      (await client().call(endpoints.workerRequests.list, { query: { taskId: task.id } })).items,
    ).toHaveLength(1);
    await answer(plan, { decision: "allow" });
    await answer(await writeOf(task), { decision: "allow" });
    await until(task, "in_review");
    expect(await branches()).toEqual([]);
    await review(task, { decision: "reject", comment: "And more?" });
    // The plan stands: what is asked for next is the change.
    await answer(await writeOf(task), { decision: "allow" });
    await until(task, "in_review");
    await review(task, { decision: "approve" });
    const { result } = await until(task, "completed");
    expect(await fileOn(result?.branch ?? "", "GUIDE.md")).toContain("And more.");
    const { items } = await client().call(endpoints.workerRequests.list, { query: { taskId: task.id } });
    expect(items.map(({ answer: given }) => given?.source)).toEqual(["person", "person", "person"]);
    expect((await executionsOf(task)).map(({ kind }) => kind).toSorted()).toEqual(["publish", "run", "run"]);
  });

  it("makes a plan anew when the task says something else than when the plan was agreed to", async () => {
    const task = await setUp();
    await answer(await planOf(task), { decision: "allow" });
    await answer(await writeOf(task), { decision: "allow" });
    await until(task, "in_review");
    await client().call(endpoints.tasks.update, {
      params: { taskId: task.id },
      body: { description: "In French." },
    });
    await review(task, { decision: "reject", comment: "In French, as the task says now." });
    const plan = await planOf(task);
    expect(plan.approval?.steps).toEqual(["GUIDE.fr.md"]);
    await answer(plan, { decision: "allow" });
    expect((await writeOf(task)).approval?.paths).toEqual(["GUIDE.fr.md"]);
  });

  it("never edits a file that a person did not allow", async () => {
    const task = await setUp();
    await answer(await planOf(task), { decision: "allow" });
    await answer(await writeOf(task), { decision: "deny", text: "not like this" });
    expect((await until(task, "failed")).statusReason).toMatch(/nothing|no change|did not change/i);
    expect(await branches()).toEqual([]);
  });
});

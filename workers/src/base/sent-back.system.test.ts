import { endpoints } from "@agentvine/contracts";
import { git } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { always, call, done, modelWith } from "../agents/testing/scripted-turn.ts";
import { scriptedAgent, useFleet } from "./testing/fleet.ts";

/** From the queue to the branch, with the real backend, a worker process and a reviewer. */
describe("a supervised task", { timeout: 120_000 }, () => {
  const { client, aName, aWorker, aTask, until, branches, upstream } = useFleet();

  it("that is sent back goes on from its checkpoint, with each comment at its line, and is published once approved", async () => {
    // What it changes the second time stands in no commit: only the checkpoint has it.
    const model = await modelWith(
      always(({ phases }) => {
        const { instruction, turns } = phases.at(-1) ?? { instruction: "", turns: [] };
        if (turns.some(({ results }) => results.length > 0)) return done;
        return instruction.includes("Comments on lines")
          ? call("edit_file", { path: "GUIDE.md", oldText: "Adds two numbers.", newText: "Adds numbers." })
          : call("write_file", { path: "GUIDE.md", content: "# Sums\n\nAdds two numbers.\n\nThe end.\n" });
      }),
    );
    const label = aName();
    const worker = aWorker({
      env: {
        ...scriptedAgent(label, model),
      },
    });
    await worker.ready;
    const task = await aTask(label, { permissionLevel: "supervised" });
    await until(task, "in_review");
    expect(await branches()).toEqual([]);
    const params = { taskId: task.id };
    const comments = [{ path: "GUIDE.md", line: 3, text: "Not just two." }];
    await client().call(endpoints.tasks.review, { params, body: { decision: "reject", comments } });
    await until(task, "in_review");
    const prompts = JSON.stringify(model.requests.at(-1)?.body);
    expect(prompts).toMatch(/GUIDE\.md:3\\n {3}> Adds two numbers\.\\n {3}Not just two\./);
    await client().call(endpoints.tasks.review, { params, body: { decision: "approve" } });
    const { result, runs } = await until(task, "completed");
    expect(runs).toBe(2);
    expect(await git(upstream(), "show", `${result?.branch}:GUIDE.md`)).toBe(
      "# Sums\n\nAdds numbers.\n\nThe end.",
    );
  });
});

import type { Event } from "@agentvine/contracts";
import { progressSchema } from "@agentvine/contracts";
import type { Output } from "../output/output.ts";
import type { Stack } from "../processes/stack.ts";

/** Kills one worker with -9 on the way. */
export interface ChaosMonkey {
  readonly onEvent: (event: Event) => void;
  isDone(): boolean;
}

/** Waits until an agent has used a tool in earnest, then kills the worker that runs it. */
export const chaosMonkey = (stack: Stack, output: Output): ChaosMonkey => {
  let isDone = false;
  let names: ReadonlyMap<string, number> | undefined;
  const kill = async (workerId: string): Promise<void> => {
    names ??= new Map(await workerPids(stack));
    const index = names.get(workerId);
    const worker = index === undefined ? undefined : stack.workers[index];
    if (worker === undefined) return;
    isDone = true;
    output.note(output.colors.red(`chaos: kill -9 ${worker.current().pid} (${worker.current().name})`));
    await worker.current().kill();
  };
  return {
    isDone: () => isDone,
    onEvent: (event) => {
      if (isDone || event.workerId === null || event.type !== "execution.progressed") return;
      const progress = progressSchema.safeParse(event.data);
      if (progress.success && progress.data.kind === "tool") void kill(event.workerId);
    },
  };
};

/** Worker id → its place in the stack. */
const workerPids = async (stack: Stack): Promise<[string, number][]> => {
  const readies = await Promise.all(stack.workers.map((worker) => worker.current().ready));
  return readies.flatMap((ready, index) =>
    typeof ready.workerId === "string" ? [[ready.workerId, index] as [string, number]] : [],
  );
};

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executionMachine } from "./execution-machine.ts";
import { nextStatus, type StateMachine, statusesAllowing, toMermaid } from "./state-machine.ts";
import { liveTaskStatuses, taskMachine } from "./task-machine.ts";
import { workOrderMachine } from "./work-order-machine.ts";
import { workerMachine } from "./worker-machine.ts";
import { workerRequestMachine } from "./worker-request-machine.ts";

const machines: StateMachine<string, string>[] = [
  taskMachine,
  workOrderMachine,
  executionMachine,
  workerMachine,
  workerRequestMachine,
];

const eventsOf = (machine: StateMachine<string, string>) => [
  ...new Set(machine.transitions.map(({ event }) => event)),
];

describe.each(machines.map((machine) => [machine.name, machine] as const))("%s machine", (_name, machine) => {
  test("an event leads from a status to one status at most", () => {
    const edges = machine.transitions.map(({ from, event }) => `${from} ${event}`);
    expect(new Set(edges).size).toBe(edges.length);
  });

  test("every status can be reached from the first one", () => {
    const reached = new Set([machine.initial]);
    for (let size = 0; size !== reached.size; ) {
      size = reached.size;
      for (const { from, to } of machine.transitions) {
        if (reached.has(from)) {
          reached.add(to);
        }
      }
    }
    expect([...reached].sort()).toEqual([...machine.statuses].sort());
  });

  test("nothing leads out of a final status, and something out of every other", () => {
    const left = new Set(machine.transitions.map(({ from }) => from));
    for (const status of machine.statuses) {
      expect(left.has(status)).toBe(!machine.final.includes(status));
    }
  });

  test("whatever happens in whatever order, the status stays one of the table", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...eventsOf(machine)), { maxLength: 40 }), (events) => {
        let status = machine.initial;
        for (const event of events) {
          const next = nextStatus(machine, status, event);
          expect(next !== undefined).toBe(statusesAllowing(machine, event).includes(status));
          status = next ?? status;
        }
        expect(machine.statuses).toContain(status);
      }),
    );
  });

  test("its drawing shows every transition", () => {
    const lines = toMermaid(machine).split("\n");
    expect(lines[0]).toBe("stateDiagram-v2");
    expect(lines).toHaveLength(2 + machine.transitions.length + machine.final.length);
  });
});

test("a task that ended can't be cancelled, every live one can", () => {
  expect(statusesAllowing(taskMachine, "cancel").sort()).toEqual([...liveTaskStatuses].sort());
  expect(nextStatus(taskMachine, "completed", "cancel")).toBeUndefined();
});

test("a finished work order never becomes claimable again, except a dead letter by hand", () => {
  for (const status of workOrderMachine.final) {
    expect(workOrderMachine.transitions.some(({ from }) => from === status)).toBe(false);
  }
  const outOfFailed = workOrderMachine.transitions.filter(({ from }) => from === "failed");
  expect(outOfFailed).toEqual([{ from: "failed", event: "requeue", to: "pending" }]);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executionMachine } from "./execution-machine.ts";
import { nextStatus, type StateMachine } from "./state-machine.ts";
import { taskMachine } from "./task-machine.ts";
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
/** Events of all machines and words that are none: each machine is asked about all of them. */
const words = [
  ...new Set(machines.flatMap(({ transitions }) => transitions.map(({ event }) => event))),
  "",
  "toString",
  "constructor",
  "__proto__",
  "idle",
];
const story = fc.array(fc.constantFrom(...words), { maxLength: 60 });
const runs = { numRuns: 300, seed: 20_261_126 };

/** Every status on the way, the first one included. */
function walk(
  machine: StateMachine<string, string>,
  events: readonly string[],
  from = machine.initial,
): string[] {
  const statuses = [from];
  for (const event of events) {
    const next = nextStatus(machine, statuses.at(-1) ?? from, event);
    if (next !== undefined) statuses.push(next);
  }
  return statuses;
}

describe.each(machines.map((machine) => [machine.name, machine] as const))("%s machine", (_name, machine) => {
  test("whatever is said to it, it stays in its table and goes only along its rows", () => {
    const rows = new Set(machine.transitions.map(({ from, to }) => `${from} ${to}`));
    fc.assert(
      fc.property(story, (events) => {
        const statuses = walk(machine, events);
        for (const [index, to] of statuses.entries()) {
          expect(machine.statuses).toContain(to);
          if (index > 0) expect(rows).toContain(`${statuses[index - 1]} ${to}`);
        }
      }),
      runs,
    );
  });

  test("nothing that is said leads out of a final status", () => {
    fc.assert(
      fc.property(story, fc.constantFrom(...machine.final, machine.initial), (events, from) => {
        const statuses = walk(machine, events, from);
        const ended = statuses.findIndex((status) => machine.final.includes(status));
        expect(statuses.slice(ended === -1 ? statuses.length : ended + 1)).toEqual([]);
      }),
      runs,
    );
  });

  test("the same events lead to the same status, in one piece or in two", () => {
    fc.assert(
      fc.property(story, fc.nat(60), (events, cut) => {
        const [first, rest] = [events.slice(0, cut), events.slice(cut)];
        const whole = walk(machine, events).at(-1);
        expect(walk(machine, rest, walk(machine, first).at(-1)).at(-1)).toBe(whole);
      }),
      runs,
    );
  });

  test("random events come everywhere in it, and from everywhere to an end if it has one", () => {
    const seen = new Set<string>();
    const stories = fc.sample(fc.array(fc.constantFrom(...words), { minLength: 200, maxLength: 400 }), {
      ...runs,
      numRuns: 150,
    });
    for (const events of stories) for (const status of walk(machine, events)) seen.add(status);
    expect([...seen].sort()).toEqual([...machine.statuses].sort());
    for (const status of machine.statuses) {
      const ends = stories.map((events) => walk(machine, events, status).at(-1) ?? "");
      if (machine.final.length > 0) expect(ends.some((end) => machine.final.includes(end))).toBe(true);
    }
  });
});

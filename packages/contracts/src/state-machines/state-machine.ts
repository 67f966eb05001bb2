/** One row of a transition table: in `from`, `event` leads to `to`. */
export interface Transition<Status extends string, Event extends string> {
  readonly from: Status;
  readonly event: Event;
  readonly to: Status;
}

/** A closed state machine: the table is the whole truth, code and diagrams are derived from it. */
export interface StateMachine<Status extends string, Event extends string> {
  readonly name: string;
  readonly initial: Status;
  readonly statuses: readonly Status[];
  readonly final: readonly Status[];
  readonly transitions: readonly Transition<Status, Event>[];
}

/** Expands `{event: [[from…], to]}` into rows. */
export const transitionRows = <Status extends string, Event extends string>(
  table: Record<Event, readonly (readonly [from: readonly Status[], to: Status])[]>,
): Transition<Status, Event>[] =>
  (Object.entries(table) as [Event, readonly (readonly [readonly Status[], Status])[]][]).flatMap(
    ([event, edges]) => edges.flatMap(([from, to]) => from.map((status) => ({ from: status, event, to }))),
  );

/** The status that `event` leads to from `from`, or undefined when the table does not allow it. */
export const nextStatus = <Status extends string, Event extends string>(
  machine: StateMachine<Status, Event>,
  from: Status,
  event: Event,
): Status | undefined => machine.transitions.find((row) => row.from === from && row.event === event)?.to;

/** The statuses in which `event` is allowed. */
export const statusesAllowing = <Status extends string, Event extends string>(
  machine: StateMachine<Status, Event>,
  event: Event,
): Status[] => machine.transitions.filter((row) => row.event === event).map((row) => row.from);

/** Mermaid source of the machine, as the documentation shows it. */
export const toMermaid = <Status extends string, Event extends string>(
  machine: StateMachine<Status, Event>,
): string =>
  [
    "stateDiagram-v2",
    `  [*] --> ${machine.initial}`,
    ...machine.transitions.map((row) => `  ${row.from} --> ${row.to}: ${row.event}`),
    ...machine.final.map((status) => `  ${status} --> [*]`),
  ].join("\n");

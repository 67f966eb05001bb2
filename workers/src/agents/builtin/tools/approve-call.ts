import { reasonCharactersMax } from "@agentvine/contracts";
import type { Desk } from "../../agent-driver.ts";
import { pendingOutcome } from "./ask-controller.tool.ts";
import { failed, type PreparedCall, type ToolOutcome } from "./tool.ts";

/** How often a call is asked for: its approval may be used up by the time it is to run. */
const askingsMax = 2;
const questionCharactersMax = 300;

/** A call that may run, or what it came to instead. */
export type Approved =
  | { readonly kind: "run"; readonly call: PreparedCall; readonly note: string }
  | { readonly kind: "not_run"; readonly outcome: ToolOutcome };

export interface CallToApprove {
  readonly call: PreparedCall;
  readonly desk: Pick<Desk, "ask" | "spend">;
  /** The agent's words before the call. */
  readonly words: string;
  /** The same tool with the shell line a person wants instead. */
  readonly withCommand: (command: string) => PreparedCall | string;
}

/** Asks for a call that needs leave. It runs only by a plain allowance of exactly this call, used up just before. */
export async function approveCall(asked: CallToApprove): Promise<Approved> {
  let refusal = "";
  for (let asking = 0; asking < askingsMax; asking += 1) {
    const approved = await askOnce(asked);
    if (typeof approved !== "string") return approved;
    refusal = approved;
  }
  return notRun(`its approval could not be used: ${refusal}`);
}

/** A text says why an approval could not be used; asking once more may help. */
async function askOnce({ call, desk, words, withCommand }: CallToApprove): Promise<Approved | string> {
  const answer = await desk.ask({
    kind: "approval",
    text: shortLine(call),
    reason: words.slice(-reasonCharactersMax),
    approval: {
      subject: "tool_call",
      tool: call.tool,
      toolClass: call.toolClass,
      arguments: { ...call.arguments },
      command: call.command,
      paths: [...call.paths],
      diff: await call.diff(),
      steps: [],
    },
  });
  switch (answer.kind) {
    case "allowed": {
      const { editedCommand } = answer;
      const isChanged = editedCommand !== null && editedCommand !== call.command;
      const allowed = isChanged ? withCommand(editedCommand) : call;
      if (typeof allowed === "string") return notRun(`the changed command can't be run: ${allowed}`);
      if (!answer.isSpent) {
        const spent = await desk.spend(answer.requestId, {
          tool: allowed.tool,
          arguments: allowed.arguments,
        });
        if (!spent.isSpent) return spent.reason;
      }
      const note = isChanged
        ? `${answer.by} changed the command. This was run instead of yours: ${editedCommand}\n`
        : "";
      return { kind: "run", call: allowed, note };
    }
    case "pending":
      return { kind: "not_run", outcome: pendingOutcome(answer.requestId) };
    case "answered":
      return notRun("it was not allowed");
    case "denied":
      return notRun(`it was denied: ${answer.reason}`);
    case "no_answer":
      return notRun(`nobody allowed it (no answer: ${answer.reason})`);
  }
}

const shortLine = ({ tool, toolClass, summary }: PreparedCall): string => {
  const line = `${tool} (${toolClass.replaceAll("_", " ")}): ${summary.replaceAll(/\s+/g, " ")}`;
  return line.length > questionCharactersMax ? `${line.slice(0, questionCharactersMax - 1)}…` : line;
};

const notRun = (why: string): Approved => ({
  kind: "not_run",
  outcome: failed(`not run, ${why}. Find another way or go on without it`, "not allowed"),
});

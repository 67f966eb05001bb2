import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { RequestAnswerBody, WorkerRequest } from "@agentvine/contracts";
import { coerceError } from "@agentvine/kit";
import { answerBody } from "../commands/inbox-answer.ts";
import type { Output } from "../output/output.ts";
import type { Decider } from "./demo-people.ts";

/** Whoever sits at the terminal. */
export interface TerminalPerson extends Decider {
  /** Lets go of the terminal. */
  close(): void;
}

const howTo = ({ kind, approval, options }: WorkerRequest): string => {
  if (kind !== "approval")
    return options.length === 0 ? "answer in words" : `answer with 1 to ${options.length}, or in words`;
  const edit = approval?.command == null ? "" : ", or edit <another command>";
  return `answer with allow, deny, deny <why>${edit}`;
};

/** What a typed line means. @throws AppError `command.usage` when it does not fit the request */
const bodyOf = (request: WorkerRequest, line: string) => {
  const [word = "", ...more] = line.split(/\s+/);
  const rest = more.join(" ");
  if (request.kind !== "approval") {
    const isNumber = /^\d{1,2}$/.test(line) && request.options.length > 0;
    return answerBody(request, isNumber ? undefined : line, isNumber ? { choice: line } : {});
  }
  switch (word.toLowerCase()) {
    case "a":
    case "allow":
      return answerBody(request, undefined, { allow: true });
    case "d":
    case "deny":
      return answerBody(request, rest === "" ? undefined : rest, { deny: true });
    case "e":
    case "edit":
      return answerBody(request, undefined, rest === "" ? {} : { edit: rest });
    default:
      return answerBody(request, undefined, {});
  }
};

/**
 * Asks at the terminal, which stays as it is: keys are not caught, so Ctrl-C works as ever. An answer that comes from elsewhere ends the
 * question.
 * @param command how to answer from another terminal
 */
export const terminalPerson = (stdin: Readable, output: Output, command: string): TerminalPerson => {
  const lines = createInterface({ input: stdin, terminal: false });
  const complain = (error: unknown, request: WorkerRequest): void =>
    output.note(output.colors.yellow(`${coerceError(error).message}; ${howTo(request)}`));
  return {
    name: "you",
    close: () => lines.close(),
    // Only what is typed while the question stands counts: nothing typed ahead decides what was not seen.
    decide: (request, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve(undefined);
        const end = (body: RequestAnswerBody | undefined): void => {
          lines.off("line", onLine);
          lines.off("close", onEnd);
          signal.removeEventListener("abort", onEnd);
          resolve(body);
        };
        const onEnd = (): void => end(undefined);
        const onLine = (line: string): void => {
          if (line.trim() === "") return;
          try {
            end(bodyOf(request, line.trim()));
          } catch (error) {
            complain(error, request);
          }
        };
        lines.on("line", onLine);
        lines.on("close", onEnd);
        signal.addEventListener("abort", onEnd);
        const elsewhere = `${command} ${request.id.slice(-8)}`;
        output.note(output.colors.yellow(`${howTo(request)}  (elsewhere: ${elsewhere} …)`));
      }),
  };
};

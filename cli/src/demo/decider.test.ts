import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { anApproval, aRequest } from "../testing/a-request.ts";
import { recordedOutput } from "../testing/recorded-output.ts";
import { standInPerson } from "./stand-in-person.ts";
import { terminalPerson } from "./terminal-person.ts";

const command = "make lint";
const approval = aRequest({ kind: "approval", approval: anApproval(command) });
const question = aRequest({
  options: [
    { id: "keep", label: "keep it", description: "" },
    { id: "drop", label: "drop it", description: "" },
  ],
});
const { generation } = approval;
const never = new AbortController().signal;

describe("whoever sits at the terminal", () => {
  const aTerminal = () => {
    const stdin = new PassThrough();
    const { output, stderr } = recordedOutput({ isInteractive: false });
    return { stdin, stderr, person: terminalPerson(stdin, output, "npx agentvine inbox answer") };
  };

  it.each([
    [approval, "allow", { generation, decision: "allow" }],
    [approval, "A", { generation, decision: "allow" }],
    [approval, "deny not now", { generation, decision: "deny", comment: "not now" }],
    [approval, "e make lint --fix", { generation, decision: "allow", editedCommand: "make lint --fix" }],
    [question, "2", { generation, choice: "drop" }],
    [question, "neither of them", { generation, text: "neither of them" }],
    [{ ...question, options: [] }, "42", { generation, text: "42" }],
  ])("is understood: %#", async (request, line, body) => {
    const { stdin, person } = aTerminal();
    const decided = person.decide(request, never);
    stdin.write(`${line}\n`);
    expect(await decided).toEqual(body);
    person.close();
  });

  it("is asked again after a line that means nothing; nothing is allowed by an empty line or by accident", async () => {
    const { stdin, stderr, person } = aTerminal();
    const decided = person.decide(approval, never);
    stdin.write("\n\nyes\nok\nedit\nd\n");
    expect(await decided).toEqual({ generation, decision: "deny" });
    expect(stderr().match(/an approval takes/g)).toHaveLength(3);
    person.close();
  });

  it("is told how to answer elsewhere, and asked no longer when somebody did or the terminal is gone", async () => {
    const { stderr, person } = aTerminal();
    const over = new AbortController();
    const decided = person.decide(approval, over.signal);
    expect(stderr()).toContain(`npx agentvine inbox answer ${approval.id.slice(-8)}`);
    over.abort();
    expect(await decided).toBeUndefined();
    expect(await person.decide(approval, over.signal)).toBeUndefined();
    const last = person.decide(question, never);
    person.close();
    expect(await last).toBeUndefined();
  });
});

describe("the stand-in person", () => {
  const comment = expect.stringContaining("stand-in");

  it("allows exactly the lines it was told and denies every other", async () => {
    const person = standInPerson([command]);
    expect(await person.decide(approval, never)).toEqual({ generation, decision: "allow", comment });
    for (const other of [`${command} `, `${command}; rm -rf /`, null]) {
      const request = aRequest({ kind: "approval", approval: anApproval(other) });
      expect(await person.decide(request, never)).toEqual({ generation, decision: "deny", comment });
    }
  });

  it("takes the first option, and guesses nothing where none is offered", async () => {
    const person = standInPerson([]);
    expect(await person.decide(question, never)).toEqual({ generation, choice: "keep", comment });
    expect(await person.decide({ ...question, options: [] }, never)).toMatchObject({
      text: expect.stringContaining("most careful"),
    });
  });

  it("decides nothing when the demo ends", async () => {
    const over = new AbortController();
    const decided = standInPerson([command]).decide(approval, over.signal);
    over.abort();
    expect(await decided).toBeUndefined();
  });
});

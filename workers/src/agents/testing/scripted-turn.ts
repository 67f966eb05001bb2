import { join } from "node:path";
import {
  type Conversation,
  type Reply,
  type Scenario,
  type ScriptedModel,
  startScriptedModel,
} from "@agentvine/scripted-model";
import { onTestFinished } from "vitest";
import type { AgentTurnInput } from "../agent-driver.ts";
import type { BuiltinDriverConfig } from "../driver-config.ts";
import { createDriver } from "../index.ts";
import { openFolder, recordedTurn } from "./turn-fixture.ts";

/** A scenario for every prompt. */
export const always = (respond: (conversation: Conversation) => Reply): Scenario => ({
  name: "test",
  matches: () => true,
  respond,
});

/** Answers given one after the other; the last one is repeated. */
export const inOrder = (...replies: Reply[]): Scenario =>
  always(({ phases }) => {
    const answered = phases.reduce((sum, phase) => sum + phase.turns.length, 0);
    return replies[Math.min(answered, replies.length - 1)] ?? {};
  });

export const call = (name: string, input: Record<string, unknown>): Reply => ({ calls: [{ name, input }] });
export const done: Reply = { text: "done" };

/** A scripted model that is closed when the test ends. */
export async function modelWith(scenario: Scenario, apiKey?: string): Promise<ScriptedModel> {
  const model = await startScriptedModel({
    scenarios: [scenario],
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  onTestFinished(() => model.close());
  return model;
}

export const quickRetry = { attemptsMax: 4, elapsedMsMax: 60_000, baseMs: 1, maxMs: 5 };

export interface ScriptedTurnOptions {
  readonly dir: string;
  readonly model: ScriptedModel;
  readonly files?: Record<string, string>;
  readonly config?: Partial<BuiltinDriverConfig>;
  readonly input?: Partial<AgentTurnInput>;
  readonly instruction?: string;
}

/** Prepares a turn of the builtin driver against the model, in a workspace of its own. */
export async function prepareTurn(options: ScriptedTurnOptions) {
  const { dir, model, config, instruction = "Mend it" } = options;
  const sandbox = await openFolder(
    join(dir, crypto.randomUUID()),
    options.files ?? { "a.txt": "one\ntwo\n" },
  );
  onTestFinished(() => sandbox.close());
  const driver = createDriver({
    driver: "builtin",
    model: "scripted/demo",
    baseUrl: model.baseUrl,
    retry: quickRetry,
    ...config,
  });
  const recorded = recordedTurn(sandbox, instruction, options.input);
  return { ...recorded, sandbox, driver, run: () => driver.run(recorded.input) };
}

/** Runs it to its end. */
export async function scriptedTurn(options: ScriptedTurnOptions) {
  const prepared = await prepareTurn(options);
  return { ...prepared, result: await prepared.run() };
}

/** What the tools returned in the newest request, by what the model was sent. */
export function lastResults(model: ScriptedModel): { text: string; isError: boolean }[] {
  const body = model.requests.findLast(({ path }) => path === "/v1/messages")?.body;
  const { messages } = body as {
    messages: { content: { type: string; content?: unknown; is_error?: boolean }[] }[];
  };
  return (messages.at(-1)?.content ?? []).flatMap((block) => {
    if (block.type !== "tool_result") return [];
    const text = Array.isArray(block.content)
      ? block.content.map((part: { text: string }) => part.text).join("\n")
      : String(block.content);
    return [{ text, isError: block.is_error === true }];
  });
}

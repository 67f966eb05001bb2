import type { ToolClass } from "@agentvine/contracts";
import type { LanguageModelV3FunctionTool } from "@ai-sdk/provider";
import { z } from "zod";
import type { Sandbox } from "../../../sandbox/sandbox.ts";
import type { AgentServices, AgentTurnInput, ServiceReply } from "../../agent-driver.ts";

/** What a tool works with. It reaches the workspace through the sandbox alone. */
export interface ToolContext {
  readonly sandbox: Sandbox;
  readonly testCommand: string | null;
  /** Time-out of a command that names none. */
  readonly commandTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly ask: AgentTurnInput["desk"]["ask"];
  readonly services: AgentServices;
  /** What the agent said before the call. */
  readonly words: string;
  readonly onPlan: (steps: readonly string[]) => void;
  readonly onOutput: (stream: "stdout" | "stderr", text: string) => void;
}

/** What a tool call came to. Failures are told to the model, never thrown. */
export interface ToolOutcome {
  /** For the model. */
  readonly text: string;
  /** For people: a few words. */
  readonly summary: string;
  readonly isError: boolean;
  /** A file of the workspace was changed by it. */
  readonly isChange: boolean;
  /** The request nobody has answered yet: the turn ends here. */
  readonly pendingRequestId?: string;
}

export const succeeded = (text: string, summary: string): ToolOutcome => ({
  text,
  summary,
  isError: false,
  isChange: false,
});
export const changed = (text: string, summary: string): ToolOutcome => ({
  text,
  summary,
  isError: false,
  isChange: true,
});
export const failed = (text: string, summary = text): ToolOutcome => ({
  text: `Error: ${text}`,
  summary: summary.length > 200 ? `${summary.slice(0, 200)} …` : summary,
  isError: true,
  isChange: false,
});

/** What a service said, as the model and people get it. */
export const toOutcome = ({ isError, text }: ServiceReply): ToolOutcome =>
  isError ? failed(text) : succeeded(text, text.split("\n", 1)[0]?.slice(0, 200) ?? "");

/** A call whose input was understood and that is ready to run, in the fields people and rules judge it by. */
export interface PreparedCall {
  readonly tool: string;
  readonly toolClass: ToolClass;
  /** As the tool understood them. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** The shell line, when it runs one. */
  readonly command: string | null;
  /** What it reads or writes, relative to the workspace; absolute when outside. */
  readonly paths: readonly string[];
  /** What is about to happen, in a short line. */
  readonly summary: string;
  /** What would change, as a unified diff. Reads the file, so it is made only when somebody is asked. */
  readonly diff: () => Promise<string | null>;
  readonly run: () => Promise<ToolOutcome>;
}

export interface Tool {
  readonly name: string;
  /** As the model is told of it. */
  readonly declaration: LanguageModelV3FunctionTool;
  /** Understands the input; a text says what is wrong with it. */
  readonly prepare: (input: unknown, context: ToolContext) => PreparedCall | string;
}

/** Declares a tool. Its input is checked before any of its functions sees it. */
export function defineTool<I extends Record<string, unknown>>(definition: {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<I>;
  readonly classOf: (input: I, context: ToolContext) => ToolClass;
  readonly summarize: (input: I) => string;
  readonly commandOf?: (input: I) => string;
  readonly pathsOf?: (input: I, context: ToolContext) => readonly string[];
  readonly diffOf?: (input: I, context: ToolContext) => Promise<string | null>;
  readonly run: (input: I, context: ToolContext) => Promise<ToolOutcome>;
}): Tool {
  const { name, description, input: schema } = definition;
  const { $schema: _, ...inputSchema } = z.toJSONSchema(schema, { io: "input" });
  return {
    name,
    declaration: {
      type: "function",
      name,
      description,
      inputSchema: inputSchema as LanguageModelV3FunctionTool["inputSchema"],
    },
    prepare: (raw, context) => {
      const parsed = schema.safeParse(raw);
      if (!parsed.success) return `the input of ${name} is not valid:\n${z.prettifyError(parsed.error)}`;
      return {
        tool: name,
        toolClass: definition.classOf(parsed.data, context),
        arguments: parsed.data,
        command: definition.commandOf?.(parsed.data) ?? null,
        paths: definition.pathsOf?.(parsed.data, context) ?? [],
        summary: definition.summarize(parsed.data),
        diff: async () => (await definition.diffOf?.(parsed.data, context)) ?? null,
        run: () => definition.run(parsed.data, context),
      };
    },
  };
}

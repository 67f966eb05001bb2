/** One simple command of a shell line and the operator that follows it ("" at the end). */
export interface Segment {
  readonly text: string;
  readonly operator: string;
}

/** A quoted text, an escaped character, a redirection of one stream to another, or an operator. */
const shellParts = /'[^']*'?|"(?:\\.|[^"\\])*"?|\\.|[<>]&|&>|(&&|\|\||[;|&\n])/gs;

/** Splits a shell line at its operators; quoted text is left alone. */
export function splitCommandLine(line: string): Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  for (const found of line.matchAll(shellParts)) {
    const operator = found[1];
    if (operator !== undefined) {
      segments.push({ text: line.slice(start, found.index).trim(), operator });
      start = found.index + operator.length;
    }
  }
  segments.push({ text: line.slice(start).trim(), operator: "" });
  return segments.filter((segment) => segment.text !== "" || segment.operator !== "");
}

/** Quotes a word for a POSIX shell. */
export const quoteWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

export interface ScriptCall {
  readonly tool: "npm" | "pnpm" | "yarn";
  readonly script: string;
  /** True when the call already hands arguments on to the script. */
  readonly hasSeparator: boolean;
}

const flag = String.raw`(?:\s+-{1,2}[\w-]+(?:=\S+)?)*`;
const assignments = String.raw`^(?:cross-env\s+)?(?:\w+=\S*\s+)*`;
const npmCall = new RegExp(
  String.raw`${assignments}(npm|pnpm|yarn)${flag}\s+(?:(?:run|run-script)\s+)?([\w:.-]+)(.*)$`,
);
const npmAliases: Record<string, string> = { t: "test", tst: "test", it: "test", "install-test": "test" };
const npmVerbs = new Set(["test", "start", "stop", "restart"]);

/** The package script that a simple command starts, if it starts one. */
export function scriptCallOf(command: string): ScriptCall | null {
  const found = npmCall.exec(command);
  if (found === null) {
    return null;
  }
  const tool = found[1] === "pnpm" ? "pnpm" : found[1] === "yarn" ? "yarn" : "npm";
  const named = found[2] ?? "";
  const script = npmAliases[named] ?? named;
  const isRun = /\brun(?:-script)?\s+[\w:.-]+/.test(command);
  if (tool === "npm" && !isRun && !npmVerbs.has(script)) {
    return null;
  }
  return { tool, script, hasSeparator: /\s--(?:\s|$)/.test(found[3] ?? "") };
}

export interface ResolvedCommand {
  /** The line as it is given to the shell. */
  readonly line: string;
  /** The command itself and every package script it reaches, outermost first. */
  readonly texts: readonly string[];
  /** Names of the package scripts it reaches, with their `pre` and `post` scripts. */
  readonly scripts: readonly string[];
  /** The simple command that runs last: only to it can arguments be added. */
  readonly last: string;
  /** The line with arguments added for the command that runs last. */
  readonly withArguments: (words: readonly string[]) => string;
}

const depthMax = 8;

function reachableScripts(line: string, scripts: Readonly<Record<string, string>>): string[] {
  const reached: string[] = [];
  const visit = (text: string) => {
    for (const segment of splitCommandLine(text)) {
      const name = scriptCallOf(segment.text)?.script;
      for (const script of name === undefined ? [] : [`pre${name}`, name, `post${name}`]) {
        if (!reached.includes(script)) {
          reached.push(script);
          visit(scripts[script] ?? "");
        }
      }
    }
  };
  visit(line);
  return reached;
}

/** Follows a test command through the package scripts it calls. `scripts` are those of package.json at the base. */
export function resolveCommand(line: string, scripts: Readonly<Record<string, string>>): ResolvedCommand {
  const reached = reachableScripts(line, scripts);
  let separators = "";
  let text = line;
  for (let depth = 0; depth < depthMax; depth += 1) {
    const call = scriptCallOf(splitCommandLine(text).at(-1)?.text ?? "");
    const next = call === null ? undefined : scripts[call.script];
    if (call === null || next === undefined) {
      break;
    }
    separators += call.tool === "npm" && !call.hasSeparator ? " --" : "";
    text = next;
  }
  const texts = [line, ...reached.map((name) => scripts[name] ?? "").filter((script) => script !== "")];
  return {
    line,
    texts,
    scripts: reached,
    last: splitCommandLine(text).at(-1)?.text ?? "",
    withArguments: (words) => `${line}${separators} ${words.map(quoteWord).join(" ")}`,
  };
}

import type { ToolClass } from "@agentvine/contracts";
import { workspacePath } from "./workspace-path.ts";

// Words a shell line must not hold to count as the test command with arguments of its own.
const plainArguments = /^(?: [\w.,:=@%+-][\w./,:=@%+-]*)+$/;

const begin = String.raw`(?:^|[\s;&|(\`'"])`;
const networkWords = [
  "curl|wget|ssh|scp|sftp|rsync|nc|ncat|telnet|ftp|docker|podman|brew|apt|apt-get|apk|dnf|yum|npx|gh",
  String.raw`git\s+(?:-[cC]\s+\S+\s+|-\S+\s+)*(?:push|pull|fetch|clone|ls-remote|submodule)`,
  String.raw`npm\s+(?:install|i|ci|add|update|publish|view|exec|x|audit|outdated|init|create)`,
  String.raw`(?:yarn|pnpm|bun)\s+(?:install|i|add|dlx|update|up|publish|create)`,
  String.raw`(?:pip|pip3|uv|pipx|poetry|gem|cargo|composer)\s+(?:pip\s+)?(?:install|add|sync|update|fetch|download|publish)`,
  String.raw`(?:python3?|py)\s+-m\s+pip\s+install`,
  String.raw`go\s+(?:get|install|mod\s+(?:download|tidy))`,
].join("|");
const network = new RegExp(`${begin}(?:${networkWords})(?=$|[\\s;&|)\`'"])|https?://`);

// Absolute paths below these are somebody's files; what only looks like a path (a sed script, a route) is not.
const foreignRoots =
  "etc|home|root|var|opt|usr|tmp|proc|sys|dev|mnt|media|srv|boot|run|lib|Users|private|Volumes";
const pathWords = new RegExp(
  `(?<![\\w.~/:-])(?:/(?:${foreignRoots})(?:/[^\\s'"\`;|&<>()]*)?|~[^\\s'"\`;|&<>()]*|(?:[\\w.-]+/)*\\.\\.(?:/[^\\s'"\`;|&<>()]*)?)(?![\\w-])`,
  "g",
);
const harmless = /^\/dev\/(?:null|stdin|stdout|stderr|tty)$|^\/(?:usr\/)?(?:local\/)?s?bin\//;

export interface CommandClassContext {
  /** The test plan's own command. */
  readonly testCommand: string | null;
  readonly workspaceRoot: string;
  readonly isConfined: boolean;
}

/**
 * What a shell line does, as far as can be told from reading it: an honest best effort for asking the right question, no
 * protection. That is the sandbox's task.
 */
export function commandClass(line: string, context: CommandClassContext): ToolClass {
  const words = line
    .trim()
    .replaceAll(/\s+/g, " ")
    .replace(/ 2>&1$/, "");
  const testCommand = context.testCommand?.trim().replaceAll(/\s+/g, " ") ?? "";
  if (testCommand !== "") {
    if (words === testCommand) return "test";
    const rest = words.startsWith(`${testCommand} `) ? words.slice(testCommand.length) : "";
    if (plainArguments.test(rest) && !leavesWorkspace(rest, context)) return "test";
  }
  if (leavesWorkspace(words, context)) return "outside_workspace";
  return network.test(words) ? "network" : "command";
}

/** The words of a shell line that lead out of the workspace, as far as can be told from reading it. */
export const outsidePaths = (line: string, context: Omit<CommandClassContext, "testCommand">): string[] => [
  ...new Set(
    (line.match(pathWords) ?? []).filter(
      (path) => !harmless.test(path) && workspacePath(path, context.workspaceRoot).isOutside,
    ),
  ),
];

function leavesWorkspace(words: string, { workspaceRoot, isConfined }: CommandClassContext): boolean {
  return (words.match(pathWords) ?? []).some((path) => {
    if (harmless.test(path)) return false;
    // In a real sandbox the temporary folder is the execution's own.
    if (isConfined && /^\/(?:tmp|var\/tmp)(?:\/|$)/.test(path)) return false;
    return workspacePath(path, workspaceRoot).isOutside;
  });
}

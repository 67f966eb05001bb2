// docs/reference/cli.md: every command and flag, from the program itself.
import { PassThrough } from "node:stream";
import { exitCodes } from "../../cli/src/exit-code.ts";
import { createOutput } from "../../cli/src/output/output.ts";
import { createProgram } from "../../cli/src/program.ts";
import { code, pageHead, table } from "./markdown.ts";

const intro = `Results go to standard output, everything about them to standard error. \`--json\` makes the result JSON. Where an id is asked for,
its last four or more characters do, as tables show them. In a checkout and beside an installed package, type \`npx agentvine …\`.`;

type Program = ReturnType<typeof createProgram>;

/** The command line as it is on a machine where nothing is set. */
const emptyProgram = (): Program =>
  createProgram(
    {
      config: {
        home: "~/.agentvine",
        serverUrl: undefined,
        caFile: undefined,
        allowsPlainHttp: false,
        token: undefined,
        environment: {},
        version: "0",
      },
      output: createOutput({ stdout: new PassThrough(), stderr: new PassThrough() }, {}),
      stdin: new PassThrough(),
      signal: new AbortController().signal,
    },
    async () => undefined,
  );

const exitMeanings: Record<keyof typeof exitCodes, string> = {
  ok: "It went well.",
  failed:
    "The command ran and the answer is no (a task failed, a check did not hold), or something went wrong inside.",
  usage: "The command line, or a value in it, is not valid.",
  unavailable: "The backend can't be reached or can't answer now; trying again may help.",
  notFound: "What was named does not exist.",
  conflict: "The state of the thing does not allow it.",
  forbidden: "Not allowed.",
  interrupted: "Ended by Ctrl-C.",
};

const nameOf = (command: Program): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;

const flags = (command: Program): string =>
  table(
    ["flag", "meaning", "default"],
    command.options.map(({ flags: text, description, mandatory, defaultValue }) => [
      code(text),
      `${description}${mandatory ? " (required)" : ""}`,
      defaultValue === undefined ? "" : code(String(defaultValue)),
    ]),
  );

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** One section per command that does something. */
const sections = (command: Program): string[] => {
  if (command.commands.length > 0) return command.commands.flatMap((inner) => sections(inner));
  const words = [nameOf(command), ...command.registeredArguments.map((argument) => `<${argument.name()}>`)];
  return [`## ${code(words.join(" "))}\n\n${sentence(command.description())}\n\n${flags(command)}`];
};

const exitTable = table(
  ["code", "meaning"],
  Object.entries(exitMeanings).map(([name, meaning]) => [
    String(exitCodes[name as keyof typeof exitCodes]),
    meaning,
  ]),
);

export const cliPage = (): string =>
  `${[
    pageHead("Command line", intro).trimEnd(),
    ...sections(emptyProgram()),
    `## Exit codes\n\n${exitTable}`,
  ].join("\n\n")}\n`;

import { finish, ScenarioBroken, script } from "../script.ts";

const command = "node bin/log-tally.js examples/app.log";

const readme = (output: string): string => `# log-tally

Counts the lines of a log by level: \`ERROR\`, \`WARN\`, \`INFO\` and \`DEBUG\`. Lines without a level count as \`other\`.
Levels without lines are not shown.

## Run it

You need Node 20 or newer and nothing else. On the [example log](examples/app.log):

\`\`\`sh
${command}
\`\`\`

prints

\`\`\`text
${output}
\`\`\`

Without a file it prints its usage and ends with exit code 2.

## Use it from code

\`\`\`js
import { formatTally, tally } from "./src/tally.js";

const counts = tally("10:00 INFO ready");
console.log(formatTally(counts));
\`\`\`

\`tally(text)\` returns the counts, \`formatTally(counts)\` writes them as aligned lines; both stand in
[src/tally.js](src/tally.js).

## Run the tests

\`\`\`sh
npm test
\`\`\`

How to work on the project is written in [AGENTS.md](AGENTS.md).
`;

/** The counts the command printed, without what the tool says about the command. */
function printedBy(output: string): string {
  const counts = output.split("\n").filter((line) => /^(error|warn|info|debug|other) +\d+$/.test(line));
  if (counts.length === 0) throw new ScenarioBroken(`${command} printed no counts but: ${output}`);
  return counts.join("\n");
}

/** Sample log-tally: reads the project, runs the command on the example and writes a README around what it really printed. */
export const docsScenario = script({
  name: "docs",
  marker: "Write a README for log-tally",
  phases: [
    [
      () => ({
        text: "I look at the project.",
        calls: [
          {
            name: "report_plan",
            input: { steps: ["read the project", "run it on the example", "write the README"] },
          },
          { name: "list_files", input: {} },
          { name: "read_file", input: { path: "src/tally.js" } },
          { name: "read_file", input: { path: "bin/log-tally.js" } },
        ],
      }),
      (view) => {
        view.output("list_files", "examples/app.log", "AGENTS.md", "package.json");
        view.output("src/tally.js", "export function tally", "export function formatTally");
        view.output("bin/log-tally.js", "process.exit(2)");
        return {
          text: "I run it on the example, to quote what it really prints.",
          calls: [{ name: "run_command", input: { command } }],
        };
      },
      (view) => ({
        text: "I write the README.",
        calls: [
          {
            name: "write_file",
            input: { path: "README.md", content: readme(printedBy(view.output(command))) },
          },
        ],
      }),
      (view) => {
        view.output("README.md");
        return finish(
          "README.md says what log-tally does and how to run, use and test it; its output is quoted from a run.",
        );
      },
    ],
  ],
});

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { callTool, finish, type Scenario, script } from "@agentvine/scripted-model";

const writeGuide = 'printf "# Guide\\n\\nCall sum; see the README.\\n" > GUIDE.md';

/** What a badly behaved command line may do. Each ends the way its name says, some of them after having done the work. */
const behaviours = {
  good: writeGuide,
  nothing: "true",
  flood: `head -c 67108864 /dev/zero | tr '\\0' x; ${writeGuide}`,
  lines: `yes '${"a line like any other, ".repeat(20)}' | head -c 33554432; ${writeGuide}`,
  binary: `head -c 3000000 /dev/urandom; ${writeGuide}`,
  vandal: "rm -rf -- ./* ./.[!.]*",
  hog: "head -c 60000000 /dev/urandom > big.bin; sleep 600",
  "quick-hog": `head -c 60000000 /dev/urandom > big.bin; ${writeGuide}`,
  "sparse-hog": `truncate -s 5G big.bin; ${writeGuide}`,
  "hanging-tests": "printf 'setInterval(() => {}, 1000);\\n' > test/more.test.js",
  feature:
    "printf \"import test from 'node:test';\\ntest('more', () => {});\\n\" > more.test.js; printf 'export {};\\n' > more.js",
  fails: "echo 'no idea what to do' >&2; exit 3",
  crashes: "kill -SEGV $$",
} as const;

export type Behaviour = keyof typeof behaviours;

/** The instruction that makes the command line behave so. */
export const behave = (behaviour: Behaviour): string => `behave: ${behaviour};`;

/** Writes the agent's program; returns its command line. It does what the last `behave:` of its prompt says. */
export async function writeAgent(directory: string): Promise<[string, ...string[]]> {
  const path = join(directory, "agent.sh");
  const cases = Object.entries(behaviours).map(([name, line]) => `${name}) ${line} ;;`);
  const text = [
    `case $(sed -n 's/.*behave: \\([a-z-]*\\);.*/\\1/p' "$AGENTVINE_PROMPT_FILE" | tail -n 1) in`,
    ...cases,
    "*) echo 'the prompt says nothing about how to behave' >&2; exit 9 ;;",
    "esac",
  ];
  await writeFile(path, `${text.join("\n")}\n`);
  return ["sh", path];
}

const always = (name: string, ...steps: Parameters<typeof script>[0]["phases"][number]): Scenario =>
  script({ name, marker: `model: ${name};`, phases: Array.from({ length: 5 }, () => steps) });

/** Models that get nowhere, and one that does its work. */
export const models: readonly Scenario[] = [
  always("loops", () => callTool("Once more.", "read_file", { path: "README.md" })),
  always("babbles", () => finish("Colourless green ideas sleep furiously.")),
  always("stammers", () => ({
    text: "",
    calls: [{ name: "write_file", input: {} }],
    rawInput: '{"path": "GUI',
  })),
  always("invents", () => callTool("I use magic.", "cast_spell", { spell: "lumos" })),
  always(
    "good",
    () => callTool("I write.", "write_file", { path: "GUIDE.md", content: "# Guide\n\nCall sum.\n" }),
    () => finish("The guide says how to add."),
  ),
];

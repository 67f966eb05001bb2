// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expansions of the shell, not of templates
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decide } from "../decide.ts";
import { ruleSetOf, someFacts } from "../testing/facts.ts";

// The parser's reading against the shells themselves: lines are put together of pieces that shells are known to read in odd ways, and
// those that the rule allows are really run, by bash and by sh, in an empty folder where the only other program is a canary.

let folder = "";
let trace = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentvine-shells-"));
  trace = join(folder, "trace");
  await writeFile(join(folder, "canary"), `#!/bin/sh\necho x >> "${trace}"\n`);
  await chmod(join(folder, "canary"), 0o755);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const shells = ["/bin/bash", "/bin/sh"].filter((path) => existsSync(path));
const rules = ruleSetOf({ id: "echo", effect: "allow", commands: ["echo *", "true", "false"] });
const isAllowed = (command: string): boolean =>
  decide(someFacts({ tool: { command } }), rules).kind === "allow";
const runs = (line: string): string[] => {
  const timesRun = () => (existsSync(trace) ? readFileSync(trace, "utf8").length : 0);
  return shells.filter((shell) => {
    const before = timesRun();
    spawnSync(shell, ["-c", line], {
      cwd: folder,
      env: { PATH: folder },
      timeout: 2_000,
      input: "",
      stdio: "pipe",
    });
    return timesRun() > before;
  });
};

const piece = fc.constantFrom(
  ..."canary|canary|canary|echo|echo|true|false|a|x=1|CI=1|$x|${x}|${x:-|${x%|}|$(|$((|))|)|(|{ | }|`|'|\"|\\|\\\\|\n|\\\n|;|;;|&&|&|!|#|$'|$\"|<<E\n|\nE\n|<<'E'\n|<<-E\n|\tE\n|<<<|<(|>(|>|2>&1|>/dev/null|*|?|[a]|{a,b}|~|@(|if |then |fi|for f in |do |done|case a in |esac|a) |in|while |[[ |]]|((|-n|=~|==|time |eval |exec |command |env |xargs |sh -c |\t|\\'|\\\"|\\`|\\$|$|\\\n"
    .split("|")
    .concat(["||", "|", "|&", ";&"]),
);
const line = fc
  .array(fc.tuple(piece, fc.constantFrom(" ", " ", "")), { minLength: 2, maxLength: 14 })
  .map((parts) => `echo ${parts.map(([text, space]) => text + space).join("")}`)
  .filter((text) => text.includes("canary"));

test("the canary is there and both shells would run it", () => {
  expect(runs("echo a; canary")).toEqual(shells);
});

test("what is allowed as echo runs no other program in a real shell, whatever the line is made of", () => {
  let allowed = 0;
  fc.assert(
    fc.property(line, (text) => {
      if (!isAllowed(text)) {
        return;
      }
      allowed += 1;
      expect([text, runs(text)]).toEqual([text, []]);
    }),
    { numRuns: Number(process.env.AGENTVINE_TEST_SHELL_LINES ?? 1_500) },
  );
  expect(allowed).toBeGreaterThan(5);
}, 120_000);

import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it, vi } from "vitest";
import { failedChecks, type GateCase, runGate } from "./testing/gate-fixture.ts";

// Each case makes a repository, clones it two or three times and runs test commands in them.
vi.setConfig({ testTimeout: 90_000 });

const temp = useTempDir();
const judge = (gateCase: Omit<GateCase, "type">) => runGate(temp(), { type: "docs", ...gateCase });

const base = {
  "package.json": '{"scripts":{"test":"node --test","build":"tsc"}}',
  "src/cart.js": "export const total = 1;\n",
  "docs/guide.md": "# Guide\n\n## First steps\n",
  Makefile: "build: src\n\techo\nclean:\n",
  "packages/a/package.json": '{"scripts":{"dev":"vite"}}',
  ".gitignore": "dist/\n.env\n",
  ".env.example": "A=1\n",
  "requirements.txt": "pytest\n",
};

const goodReadme = `# Cart

Adds up what lies in a shopping cart. See the [guide](docs/guide.md#first-steps), the [code](<src/cart.js> "code")
and [below](#use-it). [Site](https://example.com). ![logo][logo] The code is in \`src/cart.js\`, built to \`dist/cart.js\`;
either/or and \`text/plain\` are no paths.

[logo]: docs/guide.md
<a href="docs/">docs</a>

## Use it

\`\`\`sh
# install
npm install && npm test
npm run build -- --watch
make build
node src/cart.js
node dist/cart.js
node -e "1"
cp .env.example .env
pip install -r requirements.txt
git clone https://example.com/cart.git && cd cart
cd packages/a
npm run dev
touch new.js
\`\`\`

\`\`\`console
$ node \\
    src/cart.js
npm run output-not-a-command
\`\`\`

\`\`\`js
import { nothing } from "./none.js";
\`\`\`
`;

describe("documentation is accepted", () => {
  it("when everything it points at exists", async () => {
    const { evidence, checkouts } = await judge({ base, change: { "README.md": goodReadme } });
    expect(evidence.checks.filter((check) => check.status === "failed")).toEqual([]);
    expect(evidence.verification).toBe("passed");
    expect(evidence.checks).toContainEqual({
      name: "README",
      status: "passed",
      reason: "README.md was written where none existed.",
    });
    expect(evidence.checks.find((check) => check.name === "links")?.reason).toContain(
      "1 link to other sites not followed",
    );
    expect(evidence.tests).toBeNull();
    expect(checkouts.baseWith).toBe(0);
  });

  it("although older documents hold broken links: they are not the agent's", async () => {
    const old = `${goodReadme}\n[gone](docs/gone.md)\n`;
    const { evidence } = await judge({
      base: { ...base, "README.md": old },
      change: { "README.md": `${old}\nMore words.\n` },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.checks.find((check) => check.name === "older references")?.status).toBe("skipped");
  });
});

describe("documentation is refused", () => {
  const refuse = async (text: string) => {
    const { evidence } = await judge({ base, change: { "README.md": `${goodReadme}\n${text}\n` } });
    expect(evidence.verification).toBe("failed");
    return evidence.reason;
  };

  it.each([
    ["a missing file", "[x](docs/none.md)", "links to docs/none.md, which does not exist"],
    [
      "a missing heading",
      "[x](docs/guide.md#second)",
      "links to docs/guide.md#second, but there is no such heading",
    ],
    ["a missing heading of its own", "[x](#nowhere)", "links to #nowhere, but there is no such heading"],
    ["a missing path", "see `src/none.js`", "names src/none.js, which does not exist"],
    [
      "a missing script",
      "```sh\nnpm run deploy\n```",
      'says `npm run deploy`, but package.json has no script "deploy"',
    ],
    ["a missing target", "```sh\nmake release\n```", 'but Makefile has no target "release"'],
    ["a missing program file", "```bash\nnode src/none.js\n```", "but src/none.js does not exist"],
    ["a missing tool", "```\n$ ./scripts/setup.sh\n```", "but scripts/setup.sh does not exist"],
  ])("for %s", async (_what, text, reason) => {
    expect(await refuse(text)).toContain(reason);
  });

  it("when something else was changed", async () => {
    const { evidence } = await judge({ base, change: { "README.md": goodReadme, "src/cart.js": "//\n" } });
    expect(failedChecks(evidence)).toEqual(["only documentation changed"]);
  });

  it("when there is still no README", async () => {
    const { evidence } = await judge({ base, change: { "docs/guide.md": "# Guide\n\nMore.\n" } });
    expect(evidence.reason).toBe("There is no README, and none was written.");
  });

  it("when the README says nothing", async () => {
    const { evidence } = await judge({ base, change: { "README.md": "# Cart\n" } });
    expect(evidence.reason).toContain("README.md says too little");
  });

  it("when the README was removed or emptied", async () => {
    const { evidence } = await judge({
      base: { ...base, "README.md": goodReadme },
      change: { "README.md": null },
    });
    expect(evidence.reason).toBe("The README was removed.");
  });

  it("when a document that others point at went away", async () => {
    const { evidence } = await judge({
      base: { ...base, "README.md": goodReadme },
      change: { "docs/guide.md": null, "docs/other.md": "# Other\n" },
    });
    expect(evidence.reason).toContain("README.md:3 links to docs/guide.md#first-steps, which does not exist");
  });

  it("when the diff is empty", async () => {
    const { evidence } = await judge({ base, change: {} });
    expect(evidence.reason).toContain("Nothing was changed");
  });
});

import { callTool, finish, type Step, script } from "../script.ts";
import { greenTests, runTests } from "./sample-steps.ts";

const oldFunction = `export function slugify(headline, { separator = "-" } = {}) {
  const plain = headline.normalize("NFKD").replace(marks, "").toLowerCase();
  return (plain.match(words) ?? []).join(separator);
}`;

const newFunction = `export function slugify(headline, { separator = "-", maxLength = Infinity } = {}) {
  if (!(maxLength >= 1)) {
    throw new RangeError(\`maxLength must be at least 1, not \${maxLength}\`);
  }
  const plain = headline.normalize("NFKD").replace(marks, "").toLowerCase();
  const [first = "", ...rest] = plain.match(words) ?? [];
  let slug = first.slice(0, maxLength);
  for (const word of rest) {
    const longer = slug + separator + word;
    if (longer.length > maxLength) break;
    slug = longer;
  }
  return slug;
}`;

const oldDoc = "/** The slug of a headline: lower-case words without accents, joined by the separator. */";
const newDoc = `/**
 * The slug of a headline: lower-case words without accents, joined by the separator. One longer than maxLength is cut
 * at a word border, unless the first word alone is too long.
 * @throws RangeError for a maxLength below 1
 */`;

const oldBin = `  options: { separator: { type: "string", default: "-" } },
});

console.log(slugify(positionals.join(" "), { separator: values.separator }));`;

const newBin = `  options: {
    separator: { type: "string", default: "-" },
    "max-length": { type: "string", default: "Infinity" },
  },
});

const maxLength = Number(values["max-length"]);
console.log(slugify(positionals.join(" "), { separator: values.separator, maxLength }));`;

const oldTest = `test("the command prints the slug", () => {`;

const newTests = `test("a slug that is too long is cut at a word border", () => {
  assert.equal(slugify("Ten Facts About Owls", { maxLength: 15 }), "ten-facts-about");
  assert.equal(slugify("Ten Facts About Owls", { maxLength: 14 }), "ten-facts");
});

test("a first word that is too long is cut inside", () => {
  assert.equal(slugify("Extraordinary Owls", { maxLength: 5 }), "extra");
});

test("a maximum length below 1 is refused", () => {
  assert.throws(() => slugify("Owls", { maxLength: 0 }), RangeError);
  assert.throws(() => slugify("Owls", { maxLength: Number.NaN }), RangeError);
});

test("the command takes a maximum length", () => {
  assert.equal(run("--max-length", "9", "Ten Facts About Owls"), "ten-facts");
});

test("the command prints the slug", () => {`;

const question = "What shall happen when maxLength is below 1?";

const edit: Step = (view) => {
  // Whoever answered, also that nobody did: refusing what makes no sense is the careful way.
  if (view.results.some(({ call }) => call.name === "ask_controller")) view.output("ask_controller");
  return {
    text: "I add the option, the flag and their tests.",
    calls: [
      { name: "edit_file", input: { path: "src/slugify.js", oldText: oldFunction, newText: newFunction } },
      { name: "edit_file", input: { path: "src/slugify.js", oldText: oldDoc, newText: newDoc } },
      { name: "edit_file", input: { path: "bin/slugify.js", oldText: oldBin, newText: newBin } },
      { name: "edit_file", input: { path: "test/slugify.test.js", oldText: oldTest, newText: newTests } },
    ],
  };
};

const test: Step = (view) => {
  for (const path of ["src/slugify.js", "bin/slugify.js", "test/slugify.test.js"]) view.output(path);
  return runTests("I run the tests.");
};

const end: Step = (view) => {
  greenTests(view);
  return finish(
    "slugify() takes maxLength and the command --max-length. Slugs are cut at a word border; four tests cover it and all tests pass.",
  );
};

/**
 * Sample slug-line: reads rules, command and tests, asks what the task leaves open, adds the option to all three, runs the tests. The
 * second phase is the same after an answer that took long.
 */
export const featureScenario = script({
  name: "feature",
  marker: "Limit the length of a slug",
  phases: [
    [
      () => ({
        text: "I read the rules, the command and the tests.",
        calls: [
          {
            name: "report_plan",
            input: { steps: ["read the code", "add the option, the flag and tests", "run the tests"] },
          },
          { name: "read_file", input: { path: "src/slugify.js" } },
          { name: "read_file", input: { path: "bin/slugify.js" } },
          { name: "read_file", input: { path: "test/slugify.test.js" } },
        ],
      }),
      (view) => {
        view.output("src/slugify.js", ".join(separator)");
        view.output("bin/slugify.js", "values.separator");
        view.output("test/slugify.test.js", "the command prints the slug");
        return callTool("The task does not say what an impossible length means.", "ask_controller", {
          kind: "clarification",
          question,
          options: ["throws a RangeError", "means no limit"],
        });
      },
      edit,
      test,
      end,
    ],
    [edit, test, end],
  ],
});

import type { GateInput } from "../../specialized/recipe.ts";
import type { GateRecord } from "../gate-record.ts";
import { countOf, isGenerated, listShort } from "./file-kinds.ts";

const isRuleFile = (path: string): boolean => /^\.agentvine\.ya?ml$/.test(path);
const isInstalled = (path: string): boolean => /(?:^|\/)node_modules\//.test(path);

/**
 * What every result must fulfil before anything is run: something is committed, nothing is left lying about, the rules
 * of the gate are untouched. False when running the tests would tell nothing.
 */
export function checkHandIn(input: GateInput, record: GateRecord): boolean {
  const { dirtyPaths, files } = input;
  if (dirtyPaths.length > 0) {
    record.failed(
      "working tree",
      `The working tree is not clean: ${countOf(dirtyPaths.length, "path")} left uncommitted (${listShort(dirtyPaths)}).`,
    );
  } else {
    record.passed("working tree", "Nothing was left uncommitted.");
  }
  if (files.length === 0) {
    record.failed("change", "Nothing was changed: the result is the same as the base commit.");
    return false;
  }
  record.passed(
    "change",
    `${countOf(files.length, "file")} changed: ${listShort(files.map((file) => file.path))}.`,
  );
  const rules = files.find((file) => isRuleFile(file.path));
  if (rules !== undefined) {
    record.failed(
      "gate rules",
      `${rules.path} was ${rules.status}: it holds the rules of this gate and must stay as it is.`,
    );
  }
  const junk = files.filter(
    (file) => isInstalled(file.path) || (file.status === "added" && isGenerated(file.path)),
  );
  if (junk.length > 0) {
    record.failed(
      "generated files",
      `Generated or installed files were committed: ${listShort(junk.map((file) => file.path))}.`,
    );
  }
  return dirtyPaths.length === 0;
}

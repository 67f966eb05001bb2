import { parseArgs } from "node:util";

export interface BenchOptions {
  isJson: boolean;
  /** A short run that proves that the bench works; its figures say little. */
  isQuick: boolean;
}

/** @throws Error that names the unknown flag */
export function readOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false } },
  });
  return { isJson: values.json, isQuick: values.quick };
}

/** Says on standard error what is being measured: a bench takes minutes. */
export const tellProgress = (what: string): void => {
  process.stderr.write(`  ${what}…\n`);
};

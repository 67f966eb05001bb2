import { readFile } from "node:fs/promises";
import { AppError } from "@agentvine/kit";
import { readPolicy } from "@agentvine/policy";
import { exitCodes } from "../exit-code.ts";
import { counted } from "../output/counted.ts";
import { foreign } from "../output/output.ts";
import type { CommandContext } from "./command.ts";

/** The text of the file. @throws AppError `command.usage` */
export const readPolicyFile = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch {
    throw new AppError("command.usage", `${file} can't be read`);
  }
};

/** `policy check <file>`: every problem with its place, as compilers print them. Exit code 1 when there is one. */
export const policyCheck = async (
  { output }: CommandContext,
  file: string,
  { json }: { json?: boolean },
): Promise<number> => {
  const policy = readPolicy(await readPolicyFile(file));
  if (json === true) {
    output.json(
      policy.isValid
        ? { isValid: true, rules: policy.rules.rules.length, issues: [] }
        : { isValid: false, issues: policy.issues },
    );
  } else if (policy.isValid) {
    output.line(`${file}: ${counted(policy.rules.rules.length, "rule")}, nothing wrong`);
  } else {
    for (const { line, column, ruleId, message } of policy.issues) {
      const rule = ruleId === null ? "" : `rule ${ruleId}: `;
      output.line(foreign(`${file}:${line}:${column}: ${rule}${message}`));
    }
  }
  return policy.isValid ? exitCodes.ok : exitCodes.failed;
};

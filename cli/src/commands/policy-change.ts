import { endpoints, type PolicyDetail } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { coloredDiff } from "../output/diff.ts";
import type { ClientContext } from "./command.ts";
import { readPolicyFile } from "./policy-check.ts";
import { policyLine, versionOf } from "./policy-show.ts";

export interface PolicyChangeFlags {
  readonly comment?: string;
  readonly basedOn?: string;
}

const baseOf = async ({ client }: ClientContext, flags: PolicyChangeFlags): Promise<number> =>
  flags.basedOn === undefined
    ? (await client.call(endpoints.policies.active)).version
    : versionOf(flags.basedOn);

/** What changed with that version, and who made it when and why. */
export const showChange = async ({ client, output }: ClientContext, policy: PolicyDetail): Promise<void> => {
  const { patch } = await client.call(endpoints.policies.diff, { params: { version: policy.version } });
  if (patch !== "") output.note(coloredDiff(patch, output.colors));
  output.line(policyLine(policy).join("  "));
};

const show = async (context: ClientContext, policy: PolicyDetail): Promise<number> => {
  if (context.json) context.output.json(policy);
  else await showChange(context, policy);
  return exitCodes.ok;
};

/** `policy apply <file>`: makes it the active version and shows what changed. */
export const policyApply = async (
  context: ClientContext,
  file: string,
  flags: PolicyChangeFlags,
): Promise<number> => {
  const yaml = await readPolicyFile(file);
  const basedOnVersion = await baseOf(context, flags);
  const body = { yaml, basedOnVersion, comment: flags.comment ?? "" };
  return await show(context, await context.client.call(endpoints.policies.create, { body }));
};

/** `policy rollback <version>`: brings its content back, as a new version. */
export const policyRollback = async (
  context: ClientContext,
  version: string,
  flags: PolicyChangeFlags,
): Promise<number> => {
  const params = { version: versionOf(version) };
  const body = { basedOnVersion: await baseOf(context, flags), comment: flags.comment ?? "" };
  return await show(context, await context.client.call(endpoints.policies.activate, { params, body }));
};

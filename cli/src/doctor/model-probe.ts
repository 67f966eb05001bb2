import {
  isAppError,
  loadConfig,
  type ModelSettings,
  parseModelName,
  readModelSettings,
} from "@agentvine/kit";
import { z } from "zod";
import { type Finding, finding, type Probe } from "./probe.ts";

const subject = "controller's model";
const answerMsMax = 3_000;

const variables = z.object({
  AGENTVINE_MODEL: z.string().optional(),
  AGENTVINE_MODEL_BASE_URL: z
    .url({ protocol: /^https?$/, error: "must be an http or https address" })
    .optional(),
  AGENTVINE_MODEL_API_KEY: z.string().optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
});

const addresses: Readonly<Record<string, string>> = {
  anthropic: "https://api.anthropic.com/v1",
  openai: "https://api.openai.com/v1",
  ollama: "http://127.0.0.1:11434/v1",
};

const noModel = finding(
  subject,
  "warn",
  "none is configured: every question goes to a person",
  "set ANTHROPIC_API_KEY or OPENAI_API_KEY, or AGENTVINE_MODEL with AGENTVINE_MODEL_BASE_URL for a server of yours",
);

const listSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Its list of models costs nothing to ask for, and shows address, key and name. */
async function ask(
  fetch: typeof globalThis.fetch,
  { model, apiKey, baseUrl }: ModelSettings,
): Promise<Finding> {
  const { provider, name } = parseModelName(model);
  const base = baseUrl ?? addresses[provider] ?? "";
  // The origin alone is shown: an address may hold a password, and an error of fetch may hold the address.
  const where = `${model} at ${new URL(base).origin}`;
  const isAnthropic = provider === "anthropic" || provider === "scripted";
  const headers = {
    ...(apiKey === undefined
      ? {}
      : isAnthropic
        ? { "x-api-key": apiKey }
        : { authorization: `Bearer ${apiKey}` }),
    ...(isAnthropic ? { "anthropic-version": "2023-06-01" } : {}),
  };
  let response: Response;
  try {
    response = await fetch(`${base.replace(/\/+$/, "")}/models`, {
      headers,
      redirect: "error",
      signal: AbortSignal.timeout(answerMsMax),
    });
  } catch {
    const remedy = "check AGENTVINE_MODEL_BASE_URL, the network and its proxy, or start the model server";
    return finding(subject, "warn", `${where} can't be reached`, remedy);
  }
  if (response.status === 401 || response.status === 403)
    return finding(subject, "warn", `${where} refuses the key`, "set a key that is valid there");
  if (!response.ok)
    return finding(
      subject,
      "info",
      `${where} answers, but does not say which models it has (${response.status})`,
    );
  const listed = listSchema.safeParse(await response.json().catch(() => undefined)).data?.data;
  const isMissing =
    listed !== undefined &&
    provider !== "scripted" &&
    !listed.some(({ id }) => id === name || id.startsWith(`${name}-`) || id === `${name}:latest`);
  return isMissing
    ? finding(subject, "warn", `${where} has no such model`, "name one that it lists with AGENTVINE_MODEL")
    : finding(subject, "ok", where);
}

/** Whether what answers questions for the team has a model that answers. Keys are sent to it and shown nowhere. */
export const controllerModel: Probe = async ({ environment, fetch }) => {
  try {
    const settings = readModelSettings(loadConfig(variables, environment));
    return settings === null ? noModel : await ask(fetch, settings);
  } catch (error) {
    // Our own messages name variables, never their values; of anything else nothing is shown.
    const detail = isAppError(error) ? error.message : "can't be read";
    return finding(subject, "warn", detail, "mend the variables named; see docs/reference/config.md");
  }
};

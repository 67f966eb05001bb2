import type { Environment } from "../config.ts";

// What any program of ours may need of its surroundings.
const plainNames =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|HTTPS?_PROXY|https?_proxy|NO_PROXY|no_proxy|SSL_CERT_.*|NODE_EXTRA_CA_CERTS|NODE_OPTIONS|NODE_V8_COVERAGE|NO_COLOR|FORCE_COLOR|XDG_.*)$/;
const ownNames = /^AGENTVINE_/;
const databaseNames = /^((DATABASE_URL|REDIS_URL)(_FILE)?|REDIS_CA_FILE)$/;
/** What is the backend's alone: secrets, and files that hold them. */
const backendNames = /^AGENTVINE_(SMTP_|TLS_|DATABASE_|MASTER_KEY)/;
const modelNames = /^(ANTHROPIC|OPENAI|OLLAMA|GEMINI|GOOGLE|AGENTVINE_MODEL)_/;

const pick = (environment: Environment, isWanted: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && isWanted(entry[0]),
    ),
  );

/** The backend gets the database and its own settings, never a model key. */
export const backendEnvironment = (environment: Environment): Record<string, string> =>
  pick(
    environment,
    (name) =>
      plainNames.test(name) || databaseNames.test(name) || (ownNames.test(name) && !modelNames.test(name)),
  );

/** A worker gets model keys and its own settings, never the database nor what else is the backend's alone. */
export const workerEnvironment = (environment: Environment): Record<string, string> =>
  pick(
    environment,
    (name) =>
      plainNames.test(name) || modelNames.test(name) || (ownNames.test(name) && !backendNames.test(name)),
  );

/** Neither: for the demo, which must never use a key it finds. */
export const bareEnvironment = (environment: Environment): Record<string, string> =>
  pick(environment, (name) => plainNames.test(name));

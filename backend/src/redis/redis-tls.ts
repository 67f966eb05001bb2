import { readFileSync } from "node:fs";
import { AppError, coerceError } from "@agentvine/kit";

/**
 * What a connection to Redis is opened with besides its address, which says by `rediss:` whether it is over TLS at all.
 * @throws AppError `config.invalid` when the file can't be read
 */
export function redisTls(caFile: string | undefined): { tls?: { ca: string; minVersion: "TLSv1.2" } } {
  if (caFile === undefined) return {};
  try {
    return { tls: { ca: readFileSync(caFile, "utf8"), minVersion: "TLSv1.2" } };
  } catch (error) {
    const reason = coerceError(error).message;
    throw new AppError(
      "config.invalid",
      `The configuration is invalid: REDIS_CA_FILE: ${caFile} can't be read (${reason}).`,
      { cause: error },
    );
  }
}

import type { Db } from "../../database/client.ts";
import { ensureInstallationSecret } from "./auth.repository.ts";
import { createTokenSigner } from "./token-signer.ts";

/** A name of 16 characters for this installation, the same for all its backends; where others may see it, it tells nothing of the secret. */
export async function nameInstallation(db: Db): Promise<string> {
  const signer = createTokenSigner(await ensureInstallationSecret(db), "installation name");
  return signer.sign("").slice(0, 16);
}

// Shorter secrets would blot out ordinary words.
const secretLengthMin = 8;
const blot = "[redacted]";

/** Takes secrets out of everything that leaves a driver. */
export interface SecretRedactor {
  text(text: string): string;
  /** The same value with the secrets taken out of every string in it. The value must be JSON. */
  value<T>(value: T): T;
  /** For text that comes in pieces: a secret is found across their borders too. */
  stream(): { push(piece: string): string; flush(): string };
}

export function createSecretRedactor(candidates: readonly (string | undefined)[]): SecretRedactor {
  const secrets = candidates.filter(
    (candidate): candidate is string => candidate !== undefined && candidate.length >= secretLengthMin,
  );
  const text = (input: string): string =>
    secrets.reduce((result, secret) => result.replaceAll(secret, blot), input);

  return {
    text,
    value: <T>(value: T): T => {
      if (secrets.length === 0) return value;
      const json = JSON.stringify(value);
      const clean = secrets.reduce(
        (result, secret) => result.replaceAll(JSON.stringify(secret).slice(1, -1), blot),
        json,
      );
      return clean === json ? value : (JSON.parse(clean) as T);
    },
    stream: () => {
      let held = "";
      return {
        push: (piece) => {
          const clean = text(held + piece);
          const keep = Math.max(0, ...secrets.map((secret) => openingLength(clean, secret)));
          held = keep === 0 ? "" : clean.slice(-keep);
          return clean.slice(0, clean.length - keep);
        },
        flush: () => {
          const rest = held;
          held = "";
          return rest;
        },
      };
    },
  };
}

/** How many characters at the end of `text` may be the beginning of the secret. */
function openingLength(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length > 0; length -= 1) {
    if (text.endsWith(secret.slice(0, length))) return length;
  }
  return 0;
}

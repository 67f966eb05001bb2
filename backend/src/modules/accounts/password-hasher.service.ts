import { passwordBytesMax } from "@agentvine/contracts";
import { hash, verify } from "@node-rs/bcrypt";

/** Hashes passwords with bcrypt, a few at a time: each takes a core for a third of a second. */
export interface PasswordHasher {
  hash(password: string): Promise<string>;
  /** Whether the password is the one; without a hash it is not, after the same time. */
  verify(password: string, hashed: string | null | undefined): Promise<boolean>;
}

const bcryptCost = 12;
/** Others of the pool's threads are left to files and name look-ups. */
const atOnceMax = 2;

/** @param cost each step doubles the time; 12 outside of tests */
export function createPasswordHasher(cost = bcryptCost): PasswordHasher {
  const limited = createLimit(atOnceMax);
  // Made once, with the first password that is given by anybody: whoever has no account waits as long as who has one.
  let nobodys: Promise<string> | undefined;
  return {
    hash: (password) => limited(() => hash(password, { cost, rejectLongPasswords: true })),
    async verify(password, hashed) {
      const isFitting = Buffer.byteLength(password) <= passwordBytesMax;
      nobodys ??= limited(() => hash("nobody has this password", { cost }));
      const nobody = await nobodys;
      const against = isFitting && typeof hashed === "string" ? hashed : nobody;
      const isSame = await limited(() => verify(password, against));
      return isSame && isFitting && typeof hashed === "string";
    },
  };
}

/** Lets so many run at once; the others wait their turn. */
function createLimit(max: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      // The place goes on to who waits longest.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

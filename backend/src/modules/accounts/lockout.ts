/** After how many wrong passwords one has to wait, and how long at most. */
export interface Lockout {
  /** Wrong passwords that cost nothing. */
  freeFailures: number;
  /** The longest wait, in seconds. */
  secondsMax: number;
}

/** Of one address: grows to a quarter of an hour. */
export const lockoutOfAddress: Lockout = { freeFailures: 5, secondsMax: 900 };
/** Of all addresses from which the account was never used: short, for it may be a stranger who locks the owner out. */
export const lockoutOfAccount: Lockout = { freeFailures: 50, secondsMax: 60 };

/** Seconds to wait after so many wrong passwords in a row: one, two, four, … up to the longest wait. */
export const lockedSeconds = (failures: number, { freeFailures, secondsMax }: Lockout): number =>
  failures < freeFailures ? 0 : Math.min(secondsMax, 2 ** Math.min(failures - freeFailures, 20));

import { v7 } from "uuid";

/** A new UUIDv7: sorts by the time it was made, so indexes on ids stay compact. */
export function newId(): string {
  return v7();
}

/** HTTP status of each kind of error. A kind says whose turn it is: the caller's, nobody's, or the operator's. */
export const errorKinds = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  out_of_range: 416,
  limited: 429,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorKind = keyof typeof errorKinds;

export interface CatalogEntry {
  kind: ErrorKind;
  retryable: boolean;
  /** What it means, for people. */
  title: string;
  /** What to do about it. */
  remedy: string;
}

/** Makes an entry of the catalog of errors. */
export const entry = (kind: ErrorKind, title: string, remedy: string, retryable = false): CatalogEntry => ({
  kind,
  retryable,
  title,
  remedy,
});

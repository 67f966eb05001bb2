/** Shares of a year of tasks. New ones are the newest two in a hundred: what still lives is among them. */
export const shares = {
  newStatus: { completed: 0.2, queued: 0.5, blocked: 0.08, in_review: 0.15, pending: 0.05, waiting: 0.02 },
  oldStatus: { completed: 0.865, failed: 0.08, cancelled: 0.045, in_review: 0.01 },
  type: { bugfix: 0.35, feature: 0.3, test: 0.12, docs: 0.1, refactor: 0.08, review: 0.05 },
  priority: { normal: 0.7, low: 0.15, high: 0.12, critical: 0.03 },
} as const;

/** A title is one of each. The word "throttle" is in one of forty. */
export const samplePhrases = [
  ["Fix", "Add", "Remove", "Speed up", "Document", "Test", "Simplify", "Review", "Explain", "Harden"],
  [
    ...[
      "the rounding of",
      "the cache of",
      "the time-out of",
      "an empty",
      "the retry of",
      "a failing test of",
    ],
    ...["the error of", "the log of", "the export of", "the import of"],
  ],
  [
    ...[
      "cart",
      "checkout",
      "invoice",
      "refund",
      "stock",
      "price list",
      "voucher",
      "search",
      "login",
      "session",
    ],
    ...[
      "basket",
      "courier",
      "address",
      "tax",
      "currency",
      "gift card",
      "newsletter",
      "review",
      "rating",
      "photo",
    ],
    ...["video", "menu", "footer", "header", "banner", "profile", "password", "token", "webhook", "queue"],
    ...["throttle", "mirror", "index", "backup", "restore", "report", "chart", "filter", "sorting", "paging"],
  ],
] as const;

export const sentences = [
  "The total of a cart with a discount is a cent too high when the rate has three digits.",
  "Since the last release the page takes seconds to come up when the customer has many orders.",
  "Support gets several mails a week about it and answers each by hand.",
  "There is a test for the usual case and none for the one that fails.",
  "The message should name the field and say what to do about it.",
  "It works on the staging system, whose data are from last year.",
  "Whoever wrote this meant seconds and the caller passes milliseconds.",
  "The documentation says the opposite, so decide which of the two is right.",
  "Nothing else may change: other teams build on the order of the fields.",
  "A second click sends the form twice and the customer pays twice.",
  "See src/payment/rounding.ts and the function roundToCents for a start.",
  "The library has had a fix for this since version 4.2.1.",
  "When the network goes away for a moment the upload starts from the beginning.",
  "Keep the public interface, and leave the old name as an alias for one release.",
  "The nightly run fails about once a week, always in the same place.",
  "Measure before and after; a gain below a tenth is not worth the code.",
] as const;

const check = { name: "red to green", status: "passed", reason: "cart.test.js: red at the base, green now" };

export const evidence = {
  verification: "passed",
  reason: "A test that was red is green.",
  round: 1,
  checks: [check, { ...check, name: "nothing turned red" }],
  commands: [],
  tests: null,
  coverage: null,
  files: [],
  environment: { node: "20" },
} as const;

/** The result of a verified and published task; its execution's id is set row by row. */
export const completedResult = {
  outcome: "succeeded",
  failure: null,
  verification: "passed",
  reason: "A test that was red is green.",
  summary: "Rounds once, at the end.",
  executionId: null,
  baseCommit: "a".repeat(40),
  commit: "b".repeat(40),
  branch: "agentvine/task/a1",
  publishedAt: null,
  evidence,
} as const;

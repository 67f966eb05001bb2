import { z } from "zod";

/** Days for which a class of data is kept; 0 for ever. */
const days = (unset: number) =>
  z.coerce
    .number("must be a number")
    .int("must be a whole number of days")
    .min(0, "must be at least 0, which means for ever")
    .max(36_500, "must be at most 36500")
    .default(unset);

/** The variables by which an installation says how long it keeps what. */
export const retentionVariables = {
  AGENTVINE_RETENTION_LOGS_DAYS: days(90),
  AGENTVINE_RETENTION_ARTIFACTS_DAYS: days(180),
  AGENTVINE_RETENTION_ATTACHMENTS_DAYS: days(365),
  AGENTVINE_RETENTION_EVENTS_DAYS: days(365),
  AGENTVINE_RETENTION_NOTICES_DAYS: days(30),
  AGENTVINE_RETENTION_SAMPLES_DAYS: days(30),
  AGENTVINE_RETENTION_TOKENS_DAYS: days(90),
  AGENTVINE_RETENTION_IDEMPOTENCY_KEYS_DAYS: days(1),
  AGENTVINE_RETENTION_AUDIT_DAYS: days(730),
};

/** What is kept for a time, and then removed. */
export const retentionClasses = [
  "logs",
  "artifacts",
  "attachments",
  "events",
  "notices",
  "samples",
  "tokens",
  "idempotencyKeys",
  "audit",
] as const;
export type RetentionClass = (typeof retentionClasses)[number];

/** Days for which each class is kept; 0 for ever. */
export type RetentionDays = Readonly<Record<RetentionClass, number>>;

type Values = { readonly [Name in keyof typeof retentionVariables]: number };

export const retentionDaysOf = (values: Values): RetentionDays => ({
  logs: values.AGENTVINE_RETENTION_LOGS_DAYS,
  artifacts: values.AGENTVINE_RETENTION_ARTIFACTS_DAYS,
  attachments: values.AGENTVINE_RETENTION_ATTACHMENTS_DAYS,
  events: values.AGENTVINE_RETENTION_EVENTS_DAYS,
  notices: values.AGENTVINE_RETENTION_NOTICES_DAYS,
  samples: values.AGENTVINE_RETENTION_SAMPLES_DAYS,
  tokens: values.AGENTVINE_RETENTION_TOKENS_DAYS,
  idempotencyKeys: values.AGENTVINE_RETENTION_IDEMPOTENCY_KEYS_DAYS,
  audit: values.AGENTVINE_RETENTION_AUDIT_DAYS,
});

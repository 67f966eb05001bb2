import { z } from "zod";
import { verificationSchema } from "../state-machines/execution-machine.ts";

const countsSchema = z.object({
  passed: z.number().int().min(0),
  failed: z.number().int().min(0),
  skipped: z.number().int().min(0),
});

/** One command of the gate, exactly as it ran. `where`: on the base commit, on the result, or the agent's new tests on the base. */
export const evidenceCommandSchema = z
  .object({
    where: z.enum(["base", "result", "new_tests_on_base"]),
    command: z.string(),
    exitCode: z.number().int().nullable(),
    endedBy: z.enum(["exit", "signal", "timeout", "output_limit"]),
    durationMs: z.number().min(0),
    /** The last 16 KiB of what it printed. */
    outputTail: z.string(),
  })
  .meta({ id: "EvidenceCommand" });

/** One condition of the gate and how it came out, in words a person can act on. */
export const evidenceCheckSchema = z
  .object({
    name: z.string(),
    status: z.enum(["passed", "failed", "skipped"]),
    reason: z.string(),
  })
  .meta({ id: "EvidenceCheck" });

export const fileChangeSchema = z
  .object({
    path: z.string(),
    status: z.enum(["added", "modified", "deleted", "renamed"]),
    additions: z.number().int().min(0),
    deletions: z.number().int().min(0),
  })
  .meta({ id: "FileChange" });

/** What was run, before and after, and what it showed. Kept for every gate round. */
export const evidenceSchema = z
  .object({
    verification: verificationSchema,
    /** One sentence: why. */
    reason: z.string(),
    /** 1 for the first gate round; the agent gets a refused gate's output back at most twice. */
    round: z.number().int().min(1),
    checks: z.array(evidenceCheckSchema),
    commands: z.array(evidenceCommandSchema),
    tests: z
      .object({
        runner: z.string(),
        base: countsSchema.nullable(),
        result: countsSchema.nullable(),
        /** Names of tests that were demonstrably red at the base and are green now. */
        redToGreen: z.array(z.string()),
        greenToRed: z.array(z.string()),
        added: z.array(z.string()),
        removed: z.array(z.string()),
        newlySkipped: z.array(z.string()),
      })
      .nullable(),
    coverage: z
      .object({
        /** Line coverage in percent, 0 to 100. */
        beforePercent: z.number().nullable(),
        afterPercent: z.number().nullable(),
        files: z.array(
          z.object({
            path: z.string(),
            beforePercent: z.number().nullable(),
            afterPercent: z.number().nullable(),
          }),
        ),
      })
      .nullable(),
    files: z.array(fileChangeSchema),
    /** How it ran: sandbox driver, node version and the like. */
    environment: z.record(z.string(), z.string()),
  })
  .meta({ id: "Evidence" });

export type Evidence = z.infer<typeof evidenceSchema>;
export type EvidenceCheck = z.infer<typeof evidenceCheckSchema>;
export type EvidenceCommand = z.infer<typeof evidenceCommandSchema>;
export type FileChange = z.infer<typeof fileChangeSchema>;

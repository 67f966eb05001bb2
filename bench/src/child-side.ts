import type { z } from "zod";

/**
 * The other end of `startChild`: serves by the first message, says so by its own, and ends with whoever started it. What goes wrong ends
 * the process.
 */
export function serveParent<T>(inputSchema: z.ZodType<T>, serve: (input: T) => Promise<object>): void {
  process.once("message", (input: unknown) => {
    serve(inputSchema.parse(input)).then(
      (ready) => process.send?.(ready),
      (error: unknown) => {
        throw error;
      },
    );
  });
  process.once("disconnect", () => process.exit());
}

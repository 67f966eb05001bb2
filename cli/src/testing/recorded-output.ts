import { PassThrough } from "node:stream";
import { createOutput, type Output } from "../output/output.ts";

/** An output whose lines can be read back. `isInteractive` draws as for a person, without colours. */
export const recordedOutput = (
  options: { isInteractive?: boolean; columns?: number; onNote?: (text: string) => void } = {},
) => {
  const out: string[] = [];
  const notes: string[] = [];
  const stream = (into: string[], onText: (text: string) => void = () => undefined) => {
    const sink = new PassThrough();
    sink.on("data", (chunk: Buffer) => {
      into.push(chunk.toString("utf8"));
      onText(chunk.toString("utf8"));
    });
    return Object.assign(sink, { isTTY: options.isInteractive === true, columns: options.columns ?? 100 });
  };
  const output: Output = createOutput(
    { stdout: stream(out), stderr: stream(notes, options.onNote) },
    { NO_COLOR: "1" },
  );
  return { output, stdout: () => out.join(""), stderr: () => notes.join("") };
};

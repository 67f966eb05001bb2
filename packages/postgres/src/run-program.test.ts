import { expect, it } from "vitest";
import { runProgram } from "./run-program.ts";

const options = { account: undefined, timeoutMs: 10_000 };

it("gives status and output of a program, which gets its input and nothing of our environment", async () => {
  process.env.AGENTVINE_TEST_SECRET = "hush";
  const result = await runProgram("/bin/sh", ["-c", "cat; echo; env; pwd; exit 3"], {
    ...options,
    input: "hello",
  });
  delete process.env.AGENTVINE_TEST_SECRET;
  expect(result.status).toBe(3);
  expect(result.output).toMatch(/^hello\n/);
  expect(result.output).toMatch(/\n\/\n$/);
  expect(result.output).not.toContain("hush");
});

it("ends a program that takes too long", async () => {
  const result = await runProgram("/bin/sh", ["-c", "exec sleep 60"], { ...options, timeoutMs: 50 });
  expect(result).toEqual({ status: undefined, output: "\nended by SIGKILL" });
});

it("tells why a program could not be started, and leaves no timer that keeps us alive", async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const result = await runProgram("/nowhere/postgres", [], options);
  expect(result.status).toBeUndefined();
  expect(result.output).toContain("ENOENT");
  expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length).toBeLessThanOrEqual(
    before,
  );
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { AppError } from "./app-error.ts";
import { loadConfig } from "./load-config.ts";

const dir = mkdtempSync(join(tmpdir(), "av-config-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const schema = z.object({
  PORT: z.coerce.number().int().default(7070),
  TOKEN: z.string().optional(),
  LEVEL: z.enum(["info", "debug"]).default("info"),
});

function problemsOf(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) {
      return error;
    }
    throw error;
  }
  throw new Error("no error was thrown");
}

describe("loadConfig", () => {
  it("applies defaults, coerces and ignores unrelated variables", () => {
    expect(loadConfig(schema, { PATH: "/bin", PORT: "0" })).toEqual({ PORT: 0, LEVEL: "info" });
  });

  it("treats an empty variable as unset", () => {
    expect(loadConfig(schema, { PORT: "", LEVEL: "" })).toEqual({ PORT: 7070, LEVEL: "info" });
  });

  it("lists every problem at once under config.invalid", () => {
    const error = problemsOf(() => loadConfig(schema, { PORT: "abc", LEVEL: "loud" }));
    expect(error.code).toBe("config.invalid");
    expect(error.issues?.map(({ path }) => path)).toEqual(["PORT", "LEVEL"]);
    expect(error.message).toContain("PORT");
    expect(error.message).toContain("LEVEL");
  });

  it("reads a secret from the file that X_FILE names", () => {
    const file = join(dir, "token");
    writeFileSync(file, "s3cret\n");
    expect(loadConfig(schema, { TOKEN_FILE: file }).TOKEN).toBe("s3cret");
    const piped = schema.transform(({ TOKEN }) => ({ token: TOKEN }));
    expect(loadConfig(piped, { TOKEN_FILE: file })).toEqual({ token: "s3cret" });
  });

  it("leaves a variable alone that merely ends in _FILE", () => {
    const own = z.object({ LOG: z.string().optional(), LOG_FILE: z.string() });
    expect(loadConfig(own, { LOG_FILE: "/nowhere", SSL_CERT_FILE: "/nowhere" })).toEqual({
      LOG_FILE: "/nowhere",
    });
  });

  it("refuses X together with X_FILE and names an unreadable file once", () => {
    const both = problemsOf(() => loadConfig(schema, { TOKEN: "a", TOKEN_FILE: "/nowhere" }));
    expect(both.message).toContain("not both");
    const strict = z.object({ TOKEN: z.string() });
    const unreadable = problemsOf(() => loadConfig(strict, { TOKEN_FILE: join(dir, "missing") }));
    expect(unreadable.issues).toHaveLength(1);
    expect(unreadable.message).toContain("cannot be read");
  });

  it("reports a problem of the whole configuration", () => {
    const paired = schema.refine(() => false, "these do not go together");
    expect(problemsOf(() => loadConfig(paired, {})).message).toContain(
      "(configuration): these do not go together",
    );
  });
});

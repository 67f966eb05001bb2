import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { AppError } from "./app-error.ts";
import { createLogger } from "./logger.ts";
import { prettyLogStream } from "./pretty-log.ts";

function capture() {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream, text: () => chunks.join("") };
}

describe("createLogger", () => {
  it("writes one JSON line per record at or above its level", () => {
    const { stream, text } = capture();
    const log = createLogger({ name: "backend", level: "info", stream });
    log.debug("hidden");
    log.info({ taskId: "t1" }, "claimed");
    const lines = text().trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      name: "backend",
      level: 30,
      taskId: "t1",
      msg: "claimed",
    });
  });

  it("never writes secrets, at any depth that requests and errors have", () => {
    const { stream, text } = capture();
    const log = createLogger({ name: "x", level: "info", stream });
    log.info({ token: "hush1", password: "hush2", databaseUrl: "postgres://a:hush3@b/c" });
    log.info({ config: { apiKey: "hush4", secret: "hush5" } });
    log.info({ req: { headers: { authorization: "Bearer hush6", "x-api-key": "hush7", cookie: "hush8" } } });
    log.info({ res: { deep: { headers: { "set-cookie": "hush9" } } } });
    expect(text()).not.toContain("hush");
    expect(text()).toContain("[redacted]");
  });

  it("writes no line before what is known to be secret by then is taken out of it", () => {
    const { stream, text } = capture();
    const known = ["hush1"];
    const hide = (line: string) => known.reduce((rest, one) => rest.replaceAll(one, "[redacted]"), line);
    const log = createLogger({ name: "x", level: "info", stream, hide }).child({ id: 1 });
    log.info({ detail: "so hush1 it is" }, "hush1");
    known.push("hush2");
    log.warn({ err: new Error("not hush2") }, "again");
    expect(text()).not.toContain("hush");
    expect(
      text()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toEqual([1, 1]);
  });

  it("says which query failed, and none of its values", () => {
    const { stream, text } = capture();
    const log = createLogger({ name: "x", level: "info", stream });
    const params = ["hush1", 1, "$&"];
    const query = "insert into settings values ($1, $2, $3)";
    const failed = new Error(`Failed query: ${query}\nparams: ${params}`, {
      cause: new Error("the disk is full"),
    });
    log.error({ err: Object.assign(failed, { query, params }) }, "broke");
    expect(text()).not.toContain("hush1");
    expect(text()).toContain(query);
    expect(text()).toContain("the disk is full");
  });

  it("logs code, detail and cause of an error", () => {
    const { stream, text } = capture();
    const err = new AppError("config.invalid", "public", { detail: "private", cause: new Error("root") });
    createLogger({ name: "x", level: "info", stream }).error({ err }, "failed");
    expect(JSON.parse(text()).err).toMatchObject({ code: "config.invalid", detail: "private" });
    expect(text()).toContain("root");
  });

  it("writes to standard error by default", () => {
    const log = createLogger({ name: "x", level: "silent" });
    expect(() => log.info("nothing")).not.toThrow();
    expect(createLogger({ name: "x", level: "silent", pretty: true }).level).toBe("silent");
  });

  it("writes lines for people when asked to", () => {
    const { stream, text } = capture();
    const log = createLogger({ name: "worker", level: "info", pretty: true, stream });
    log.warn({ attempt: 2, lane: "default", err: new Error("boom") }, "retrying");
    expect(text()).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}worker: retrying attempt=2 lane=default\n {4}Error: boom/,
    );
  });

  it("passes through what is no log record", async () => {
    const { stream, text } = capture();
    const pretty = prettyLogStream(stream);
    pretty.write('plain words\n{"level":35,"time":0,"name":"x","err":{}}\n');
    expect(text()).toBe("plain words\n00:00:00.000 35    x: \n    \n");
  });
});

describe("errors in the log", () => {
  const logged = (err: unknown): Record<string, unknown> => {
    const { stream, text } = capture();
    createLogger({ name: "test", level: "info", stream }).error({ err }, "x");
    return JSON.parse(text()).err;
  };

  it("keep message, code, stack and causes, and nothing that a driver hung on them", () => {
    const cause = Object.assign(new Error("connection broke"), { code: "57P01", client: { secretKey: 1 } });
    const err = logged(new Error("query failed", { cause }));
    expect(err).toMatchObject({
      message: "query failed",
      cause: { message: "connection broke", code: "57P01" },
    });
    expect(err.stack).toContain("logger.test");
    expect(JSON.stringify(err)).not.toContain("secretKey");
  });

  it("say what was thrown when it was no error", () => {
    expect(logged("boom")).toEqual({ type: "string", message: "boom" });
  });
});

import { describe, expect, it } from "vitest";
import { linkSignals } from "./linked-signal.ts";

describe("linkSignals", () => {
  it("aborts with the reason of the first source that aborts, once", () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const linked = linkSignals(one.signal, undefined, two.signal);
    expect(linked.signal.aborted).toBe(false);
    two.abort("second");
    one.abort("first");
    expect(linked.signal).toMatchObject({ aborted: true, reason: "second" });
  });

  it("is aborted at once when a source already is", () => {
    expect(linkSignals(new AbortController().signal, AbortSignal.abort("gone")).signal.reason).toBe("gone");
  });

  it("can be aborted by itself without touching its sources", () => {
    const source = new AbortController();
    const linked = linkSignals(source.signal);
    linked.abort("mine");
    expect(linked.signal.reason).toBe("mine");
    expect(source.signal.aborted).toBe(false);
  });

  it("follows nothing after it was unlinked", () => {
    const source = new AbortController();
    const linked = linkSignals(source.signal);
    linked.unlink();
    source.abort();
    expect(linked.signal.aborted).toBe(false);
  });
});

import { describe, expect, it } from "vitest";
import { readBundle } from "./bundle.ts";

const id = "a".repeat(40);
const base = "b".repeat(40);

describe("readBundle", () => {
  it("gives head, prerequisites and the pack, byte for byte", () => {
    const bundle = readBundle(Buffer.from(`# v2 git bundle\n-${base} a comment\n${id} HEAD\n\nPACK\n\n\0`));
    expect(bundle).toMatchObject({ head: id, prerequisites: [base] });
    expect(Buffer.from(bundle.pack).toString()).toBe("PACK\n\n\0");
  });

  it("takes the newer format with its object format", () => {
    const long = "c".repeat(64);
    expect(readBundle(Buffer.from(`# v3 git bundle\n@object-format=sha256\n${long} HEAD\n\nPACK`)).head).toBe(
      long,
    );
  });

  it.each([
    "",
    "PACK",
    `# v9 git bundle\n${id} HEAD\n\nPACK`,
    `# v2 git bundle\n${id} HEAD\nPACK`,
    `# v2 git bundle\n${id} refs/heads/main\n\nPACK`,
    `# v2 git bundle\n--upload-pack=x\n${id} HEAD\n\nPACK`,
    `# v3 git bundle\n@filter=blob:none\n${id} HEAD\n\nPACK`,
  ])("refuses %j", (text) => {
    expect(() => readBundle(Buffer.from(text))).toThrow("refused");
  });
});

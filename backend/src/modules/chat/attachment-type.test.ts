import fc from "fast-check";
import { expect, test } from "vitest";
import { headBytesMax, typeOf } from "./attachment-type.service.ts";

const png = Buffer.from(
  "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63640000000600023081d02f0000000049454e44ae426082",
  "hex",
);
const zip = Buffer.concat([Buffer.from("504b0304140000000000", "hex"), Buffer.alloc(64)]);
const text = "text/plain; charset=utf-8";
const refused = { code: "attachment.type_mismatch" };

test("the type is what the bytes are, said or not said", async () => {
  for (const said of [undefined, "application/octet-stream", "image/png", "IMAGE/PNG; a=b", "image/x-png"])
    expect(await typeOf(png, said)).toBe("image/png");
  expect(await typeOf(Buffer.from("%PDF-1.7\n"), "application/pdf")).toBe("application/pdf");
  expect(await typeOf(Buffer.from([0, 1, 2, 3]), undefined)).toBe("application/octet-stream");
  expect(await typeOf(Buffer.alloc(0), undefined)).toBe(text);
});

test("what a browser would run or render is text, whatever it is called", async () => {
  const active = [
    "<!doctype html><script>alert(1)</script>",
    "<html><body onload=alert(1)>",
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
    "alert(1)",
  ];
  const names = ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "application/xml"];
  for (const bytes of active)
    for (const said of [undefined, ...names]) expect(await typeOf(Buffer.from(bytes), said)).toBe(text);
});

test("a type that the bytes deny is refused, with what they are", async () => {
  const html = Buffer.from("<!doctype html><script>alert(1)</script>");
  for (const said of ["image/png", "application/pdf", "video/mp4", "application/zip"])
    await expect(typeOf(html, said)).rejects.toMatchObject({ ...refused, data: { contentType: text } });
  for (const said of ["text/plain", "image/jpeg", "text/html", "application/json"])
    await expect(typeOf(png, said)).rejects.toMatchObject({ ...refused, data: { contentType: "image/png" } });
  await expect(typeOf(Buffer.from("MZ\u0090\u0000\u0003"), "image/png")).rejects.toMatchObject(refused);
  await expect(typeOf(Buffer.from([0, 1, 2]), "text/plain")).rejects.toMatchObject(refused);
});

test("an archive may be called by what is in it", async () => {
  const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
  expect(await typeOf(zip, word)).toBe("application/zip");
  await expect(typeOf(zip, "image/png")).rejects.toMatchObject(refused);
});

test("a text that is longer than what is looked at is one, wherever its characters are cut", async () => {
  for (const start of ["", "a", "ab", "abc"])
    expect(await typeOf(Buffer.from(start + "🦊".repeat(20_000)).subarray(0, headBytesMax), undefined)).toBe(
      text,
    );
});

test("whatever the bytes and whatever is said: the type is never one that a browser runs", async () => {
  const starts = fc.constantFrom(
    "",
    "<html>",
    "<?xml",
    "<svg",
    "\ufeff<!doctype html>",
    "%PDF",
    "PK\u0003\u0004",
    "GIF89a",
  );
  const property = fc.asyncProperty(
    starts,
    fc.uint8Array({ maxLength: 200 }),
    fc.string(),
    async (start, rest, said) => {
      const found = await typeOf(Buffer.concat([Buffer.from(start), rest]), said).catch(() => "refused");
      expect(found).not.toMatch(/html|svg|xml|javascript|ecmascript/);
    },
  );
  await fc.assert(property, { numRuns: 500 });
});

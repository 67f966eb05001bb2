import fc from "fast-check";

/** Keys that lead to a place within a value. */
type Path = readonly (string | number)[];

const text = fc.constantFrom(
  ...[
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "a\udfff",
    "'",
    "'; drop table tasks; --",
    "$(id)`id`;|&",
    "%00",
    "%",
  ],
  ...[
    "--upload-pack=x",
    "../../etc/passwd",
    "\\",
    "\r\nX: y",
    "{}",
    "[]",
    "null",
    "NaN",
    "1e999",
    "-1",
    "0",
    "1.5",
  ],
  ...[
    "99999999999999999999",
    "9007199254740991",
    "2147483648",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59+23:59",
  ],
  ...[
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "__proto__",
    "😀",
    "\u202e",
  ],
  ...["x".repeat(70_000), "/".repeat(300), "a,".repeat(60), "e\u0301".repeat(40)],
);
/** A value that somebody sends to see what breaks. */
export const hostile = fc.oneof(
  { weight: 4, arbitrary: text },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        -1,
        0,
        -0,
        0.5,
        1e-300,
        1e300,
        2_147_483_647,
        2_147_483_648,
        4_294_967_296,
        2 ** 53 - 1,
        2 ** 53,
        1e21,
      ],
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown[]>(
      [],
      {},
      [null],
      [[]],
      { a: null },
      { length: 1 },
      { "a\u0000": "b\ud800" },
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

/** Every place of a value, itself included. */
export function placesIn(value: unknown, at: Path = []): Path[] {
  const inner =
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, field]) => placesIn(field, [...at, key]))
      : [];
  return [at, ...inner];
}

/** The value with one place of it exchanged. */
export function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) {
    return by;
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === Number(key) ? replaced(item, rest, by) : item));
  }
  const object = value as Record<string, unknown>;
  return { ...object, [key]: replaced(object[key], rest, by) };
}

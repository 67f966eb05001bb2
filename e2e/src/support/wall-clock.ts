import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** A process whose wall clock the test moves; its monotonic clock goes on as it is. */
export interface WallClock {
  /** For the process. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on it is so many hours off. */
  shift(hours: number): Promise<void>;
}

export async function createWallClock(directory: string): Promise<WallClock> {
  const offset = join(directory, "clock-offset-ms");
  const module = join(directory, "shifted-clock.mjs");
  const shift = (hours: number): Promise<void> => writeFile(offset, String(hours * 3_600_000));
  await shift(0);
  await writeFile(
    module,
    `import { readFileSync } from "node:fs";
const RealDate = Date;
const now = () => RealDate.now() + Number(readFileSync(${JSON.stringify(offset)}, "utf8"));
globalThis.Date = class extends RealDate {
  constructor(...given) { super(...(given.length === 0 ? [now()] : given)); }
  static now() { return now(); }
};
`,
  );
  return { env: { NODE_OPTIONS: `--import=${pathToFileURL(module).href}` }, shift };
}

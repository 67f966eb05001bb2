// Draws a recorded terminal session as an SVG, for the README.
//
// When: after the output of the demo has changed in a way that readers should see.
// How:
//   script -qfec "stty cols 112; node cli/bin/agentvine.js demo --once" /tmp/demo.log
//   npx tsx scripts/terminal-picture.ts /tmp/demo.log "npm run demo -- --once" 1-3,9-12,44-90 > docs/img/demo.svg
// The numbers choose lines of the recording; what is left out between them is drawn as ⋮.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** A piece of a line with one look. */
interface Span {
  readonly text: string;
  readonly classes: string;
}

const columns = 112;
const charWidth = 7.8;
const lineHeight = 18;
const padding = 16;
const barHeight = 32;

const looks: Readonly<Record<number, string>> = {
  1: "bold",
  2: "dim",
  31: "red",
  32: "green",
  33: "yellow",
  36: "cyan",
};
const endOf: Readonly<Record<number, readonly string[]>> = {
  0: Object.values(looks),
  22: ["bold", "dim"],
  39: ["red", "green", "yellow", "cyan"],
};

const change = (active: ReadonlySet<string>, codes: string): ReadonlySet<string> => {
  const next = new Set(active);
  for (const code of codes.split(";").map(Number)) {
    for (const look of endOf[code] ?? []) next.delete(look);
    const look = looks[code];
    if (look !== undefined) next.add(look);
  }
  return next;
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals speak in them
const colorCode = /\u001b\[([\d;]*)m/;

/** A recorded line as pieces; other control characters are dropped. */
export const spansOf = (line: string): Span[] => {
  const parts = line.split(colorCode);
  const spans: Span[] = [];
  let active: ReadonlySet<string> = new Set();
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) {
      active = change(active, part);
      continue;
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals speak in them
    const text = part.replace(/[\u0000-\u001f\u007f]/g, "");
    if (text !== "") spans.push({ text, classes: [...active].join(" ") });
  }
  return spans;
};

/** Breaks a line where the terminal would. */
export const wrap = (spans: readonly Span[], width: number = columns): Span[][] => {
  const rows: Span[][] = [[]];
  let used = 0;
  for (const { text, classes } of spans) {
    let rest = [...text];
    while (rest.length > 0) {
      if (used === width) {
        rows.push([]);
        used = 0;
      }
      const piece = rest.slice(0, width - used);
      rows.at(-1)?.push({ text: piece.join(""), classes });
      used += piece.length;
      rest = rest.slice(piece.length);
    }
  }
  return rows;
};

const escapeText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const drawRow = (row: readonly Span[], index: number): string => {
  const length = row.reduce((sum, { text }) => sum + [...text].length, 0);
  if (length === 0) return "";
  const y = barHeight + padding + (index + 0.75) * lineHeight;
  const inner = row
    .map(({ text, classes }) =>
      classes === "" ? escapeText(text) : `<tspan class="${classes}">${escapeText(text)}</tspan>`,
    )
    .join("");
  const width = (length * charWidth).toFixed(1);
  return `<text x="${padding}" y="${y}" textLength="${width}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">${inner}</text>`;
};

const style = `text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:#d6dbe1;white-space:pre}
.bold{font-weight:700}.dim{fill:#8b95a1}.red{fill:#ff7b72}.green{fill:#7ee787}.yellow{fill:#f2cc60}.cyan{fill:#79c0ff}`;

/** The picture of rows of text below a title bar. */
export const draw = (rows: readonly (readonly Span[])[], title: string): string => {
  const width = Math.ceil(columns * charWidth + 2 * padding);
  const height = barHeight + 2 * padding + rows.length * lineHeight;
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (fill, index) => `<circle cx="${20 + index * 18}" cy="16" r="5.5" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeText(title)}">
<style>${style}</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
${dots.join("")}
<text class="dim" x="${width / 2}" y="20.5" text-anchor="middle">${escapeText(title)}</text>
${rows
  .map(drawRow)
  .filter((line) => line !== "")
  .join("\n")}
</svg>
`;
};

/** The chosen lines, counted from 1 without the recorder's own; a gap becomes ⋮. */
export const choose = (lines: readonly string[], ranges: string): string[] => {
  let last = 0;
  return ranges.split(",").flatMap((range) => {
    const [from = 1, to = from] = range.split("-").map(Number);
    const gap = last > 0 && from > last + 1 ? ["\u001b[2m   ⋮\u001b[22m"] : [];
    last = to;
    return [...gap, ...lines.slice(from - 1, to)];
  });
};

const run = ([file, title, ranges]: readonly string[]): number => {
  if (file === undefined || title === undefined) {
    console.error('give: <recording> "<title>" [<from>-<to>,…]');
    return 2;
  }
  const recorded = readFileSync(file, "utf8").split("\n");
  const lines = recorded.filter((line) => !/^Script (started|done) on /.test(line));
  const chosen = ranges === undefined ? lines : choose(lines, ranges);
  process.stdout.write(
    draw(
      [`$ ${title}`, ...chosen].map(spansOf).flatMap((spans) => wrap(spans)),
      title,
    ),
  );
  return 0;
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  process.exitCode = run(process.argv.slice(2));

import { AppError, coerceError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";

/**
 * Takes JSON and nothing else: a form or a text body, which a foreign web page could send without asking, is refused. An empty body
 * is no body.
 */
export function registerJsonBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, body === "" ? undefined : parseJson(String(body)));
    } catch (error) {
      done(coerceError(error));
    }
  });
}

/**
 * More than anything we ask for. The bytes of a body are limited by its route; these limit what the same bytes may cost whoever walks
 * through them: deep ones call themselves for each level, wide ones are checked and rewritten value by value.
 */
const jsonLimits = {
  levels: 64,
  /** Items of one array. */
  items: 10_000,
  /** Fields of one object. */
  fields: 1_000,
  /** Characters of one text; the longest that a contract takes has a fourth of it. */
  characters: 1_048_576,
  /** Values of all kinds in the whole body. */
  values: 200_000,
} as const;

const malformed = (reason: string) =>
  new AppError("request.malformed", `The body is not valid JSON: ${reason}.`);

/** @throws AppError `request.malformed`, `request.too_large`; neither quotes the body */
function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(reasonOf(coerceError(error)));
  }
  new BodyWalk().visit(value);
  return value;
}

type Key = string | number;

/** Where a value stands, for people: `items.3.name`. A name that the sender made up may be long. */
const placeOf = (path: readonly Key[]): string =>
  path.length === 0
    ? "the body"
    : path
        .map((key) => String(key).slice(0, 40))
        .join(".")
        .slice(0, 200);

function tooLarge(path: readonly Key[], what: string): AppError {
  const message = `holds more than ${what}`;
  return new AppError("request.too_large", `The body is larger than allowed: ${placeOf(path)} ${message}.`, {
    issues: [{ path: path.length === 0 ? "" : placeOf(path), message }],
  });
}

/** One walk through a body. It calls itself for each level, of which it lets no more through than can be called. */
class BodyWalk {
  readonly #path: Key[] = [];
  #values = 0;

  /** @throws AppError `request.malformed`, `request.too_large` */
  visit(value: unknown): void {
    this.#values += 1;
    if (this.#values > jsonLimits.values) throw tooLarge([], `${jsonLimits.values} values`);
    if (typeof value === "string") this.#limit(value.length, jsonLimits.characters, "characters");
    if (typeof value !== "object" || value === null) return;
    if (this.#path.length >= jsonLimits.levels) {
      const place = placeOf(this.#path);
      throw malformed(`it is nested more than ${jsonLimits.levels} levels deep, at ${place}`);
    }
    if (Array.isArray(value)) {
      this.#limit(value.length, jsonLimits.items, "items");
      for (const [index, item] of value.entries()) this.#enter(item, index);
    } else {
      this.#visitFields(Object.entries(value));
    }
  }

  #visitFields(entries: readonly [string, unknown][]): void {
    this.#limit(entries.length, jsonLimits.fields, "fields");
    for (const [name, field] of entries) {
      // Would become the prototype of whatever the object is copied into.
      if (name === "__proto__") throw malformed("it holds a forbidden property name");
      this.#enter(field, name);
    }
  }

  #enter(value: unknown, key: Key): void {
    this.#path.push(key);
    this.visit(value);
    this.#path.pop();
  }

  #limit(found: number, most: number, what: string): void {
    if (found > most) throw tooLarge(this.#path, `${most} ${what}`);
  }
}

function reasonOf({ message }: Error): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) {
    return `there is a mistake at character ${position}`;
  }
  return /end of JSON/.test(message) ? "it ends too early" : "it holds something that is no JSON value";
}

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

/** Deeper than anything we ask for; what walks through a body later may call itself for each level. */
const levelsMax = 64;

const malformed = (reason: string) =>
  new AppError("request.malformed", `The body is not valid JSON: ${reason}.`);

/** @throws AppError `request.malformed` that does not quote the body */
function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(reasonOf(coerceError(error)));
  }
  refuseHarmful(value);
  return value;
}

/** Looks at every level without calling itself. @throws AppError `request.malformed` */
function refuseHarmful(root: unknown): void {
  let level = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    const objects = level.filter((value) => typeof value === "object" && value !== null);
    if (depth >= levelsMax && objects.length > 0) {
      throw malformed(`it is nested more than ${levelsMax} levels deep`);
    }
    // Would become the prototype of whatever the object is copied into.
    if (objects.some((value) => Object.hasOwn(value, "__proto__"))) {
      throw malformed("it holds a forbidden property name");
    }
    level = objects.flatMap((value): unknown[] => Object.values(value));
  }
}

function reasonOf({ message }: Error): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) {
    return `there is a mistake at character ${position}`;
  }
  return /end of JSON/.test(message) ? "it ends too early" : "it holds something that is no JSON value";
}

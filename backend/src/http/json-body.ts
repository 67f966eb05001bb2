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

/** @throws AppError `request.malformed` that does not quote the body */
function parseJson(text: string): unknown {
  const malformed = (reason: string) =>
    new AppError("request.malformed", `The body is not valid JSON: ${reason}.`);
  try {
    return JSON.parse(text, (key, value: unknown) => {
      // Would become the prototype of whatever the object is copied into.
      if (key === "__proto__") {
        throw malformed("it holds a forbidden property name");
      }
      return value;
    });
  } catch (error) {
    throw error instanceof AppError ? error : malformed(reasonOf(coerceError(error)));
  }
}

function reasonOf({ message }: Error): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) {
    return `there is a mistake at character ${position}`;
  }
  return /end of JSON/.test(message) ? "it ends too early" : "it holds something that is no JSON value";
}

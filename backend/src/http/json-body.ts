import { AppError, coerceError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";

/**
 * Takes JSON and nothing else: a form or a text body, which a foreign web page could send without asking, is refused. An empty body
 * is no body.
 */
export function registerJsonBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") {
      done(null, undefined);
      return;
    }
    void parse(request, String(body), (error, value) => {
      if (error === null) {
        done(null, value);
        return;
      }
      done(new AppError("request.malformed", `The body is not valid JSON: ${jsonReason(error)}`));
    });
  });
}

/** Why JSON could not be parsed, without quoting the body. */
function jsonReason(error: unknown): string {
  const { message } = coerceError(error);
  const position = /position (\d+)/.exec(message)?.[1];
  if (/prototype/i.test(message)) {
    return "it holds a forbidden property name.";
  }
  return position === undefined ? "it ends too early." : `there is a mistake at character ${position}.`;
}

import { type Readable, Transform } from "node:stream";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";

const tooLarge = (bytesMax: number): AppError =>
  new AppError("request.too_large", `The body may hold at most ${bytesMax} bytes.`, { data: { bytesMax } });

/** Within this scope every body reaches the handler as a stream, never held in memory. */
export function registerRawBody(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
}

/** So much of what nobody wants is still read: most senders are done by then, and hear why. */
const discardedBytesMax = 16_777_216;

/** Throws away what still comes, so that the answer can be sent over this connection; a sender that goes on and on is cut off. */
function discard(source: Readable): void {
  let bytes = 0;
  source.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > discardedBytesMax) source.destroy();
  });
  source.resume();
}

/** The same bytes; fails with `request.too_large` as soon as there are too many. */
export function limitBytes(source: Readable, bytesMax: number, declaredBytes: number): Readable {
  if (declaredBytes > bytesMax) {
    discard(source);
    throw tooLarge(bytesMax);
  }
  let bytes = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        done(tooLarge(bytesMax));
        return;
      }
      done(null, chunk);
    },
  });
  source.on("error", (error) => limited.destroy(error));
  source.on("aborted", () => limited.destroy(new AppError("request.malformed", "The body ended too early.")));
  limited.once("close", () => {
    source.unpipe(limited);
    discard(source);
  });
  return source.pipe(limited);
}

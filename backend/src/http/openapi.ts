import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";

const require = createRequire(import.meta.url);

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AgentVine API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

// A file of its own: the content security policy allows no inline script.
const start = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "list" });
`;

const files = new Map([
  ["swagger-ui.css", "text/css; charset=utf-8"],
  ["swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
  ["favicon-32x32.png", "image/png"],
]);

/**
 * Serves the API's description at /openapi.json and for people at /docs. Both are made when first asked for: starting the server
 * does not wait for them.
 */
export function registerOpenApi(app: FastifyInstance, version: string): void {
  let document: Promise<string> | undefined;
  app.get("/openapi.json", async (_request, reply) => {
    document ??= import("./openapi-document.ts").then(({ createOpenApiDocument }) =>
      JSON.stringify(createOpenApiDocument(version)),
    );
    return reply.type("application/json; charset=utf-8").send(await document);
  });
  app.get("/", (_request, reply) => reply.redirect("/docs"));
  app.get("/docs", (_request, reply) => reply.type("text/html; charset=utf-8").send(page));
  app.get("/docs/start.js", (_request, reply) => reply.type("text/javascript; charset=utf-8").send(start));
  app.get<{ Params: { file: string } }>("/docs/:file", async (request, reply) => {
    const { file } = request.params;
    const type = files.get(file);
    if (type === undefined) {
      throw new AppError("route.not_found", "There is no such file.");
    }
    return reply
      .type(type)
      .header("cache-control", "max-age=3600")
      .send(await readStatic(file));
  });
}

function readStatic(file: string): Promise<Buffer> {
  const entry = require.resolve("@fastify/swagger-ui/package.json");
  return readFile(join(dirname(entry), "static", file));
}

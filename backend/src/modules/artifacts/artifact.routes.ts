import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { ArtifactService } from "./artifact.service.ts";

export function registerArtifactRoutes(app: FastifyInstance, artifacts: ArtifactService): void {
  route(app, endpoints.executions.artifacts, async ({ actor, params }) => ({
    items: await artifacts.list(actor, params.executionId),
  }));

  route(app, endpoints.executions.uploadArtifact, ({ actor, params, query, rawBody }) =>
    artifacts.upload(actor, params.executionId, query, rawBody),
  );

  route(app, endpoints.executions.downloadArtifact, async ({ actor, params, reply }) => {
    const { artifact, content } = await artifacts.open(actor, params.artifactId);
    // Never shown by a browser, whatever it holds: an agent made it.
    void reply
      .header("content-disposition", `attachment; filename="${artifact.name}"`)
      .header("x-content-type-options", "nosniff")
      .header("content-length", artifact.sizeBytes);
    return content;
  });

  route(app, endpoints.executions.createCheckpoint, ({ actor, params, body }) =>
    artifacts.createCheckpoint(actor, params.executionId, body),
  );
}

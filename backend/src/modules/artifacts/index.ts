export { registerArtifactRoutes } from "./artifact.routes.ts";
export { type ArtifactService, createArtifactService } from "./artifact.service.ts";

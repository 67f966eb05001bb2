export { registerCredentialRoutes } from "./credential.routes.ts";
export { createCredentialService } from "./credential.service.ts";
export { createHandOut } from "./hand-out.service.ts";
export { createRepositorySecretService } from "./repository-secret.service.ts";

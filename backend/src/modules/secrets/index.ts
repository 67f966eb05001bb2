export { placeOf } from "./sealed-places.ts";
export { registerSecretRoutes } from "./secret.routes.ts";
export { openSecrets, type Secrets } from "./secret.service.ts";
export type { SecretBox } from "./secret-box.ts";

export { registerAuthRoutes } from "./auth.routes.ts";
export { type AuthService, createAuthService } from "./auth.service.ts";
export { nameInstallation } from "./installation-name.ts";
export { type LocalMode, prepareLocalMode } from "./local-mode.service.ts";

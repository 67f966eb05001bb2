export { registerAuthRoutes } from "./auth.routes.ts";
export { type AuthService, createAuthService } from "./auth.service.ts";
export { type LocalMode, nameInstallation, prepareLocalMode } from "./local-mode.service.ts";
export { createTokenSigner, type TokenSigner } from "./token-signer.ts";

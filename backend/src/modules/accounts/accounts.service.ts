import { AppError } from "@agentvine/kit";
import type { PasswordService } from "./password.service.ts";
import type { RegistrationService } from "./registration.service.ts";
import type { SessionService } from "./session.service.ts";
import type { SignInService } from "./sign-in.service.ts";
import type { UserService } from "./user.service.ts";

/** What the routes of accounts call. */
export interface AccountServices {
  /** False: local mode, where there is one user and nobody signs in. */
  isOn: boolean;
  sessions: SessionService;
  signIn: SignInService;
  registration: RegistrationService;
  passwords: PasswordService;
  users: UserService;
  publicUrl: () => string;
}

/** @throws AppError `accounts.off` */
export function assertOn({ isOn }: Pick<AccountServices, "isOn">): void {
  if (!isOn)
    throw new AppError(
      "accounts.off",
      "This installation has no accounts: start it with AGENTVINE_ACCOUNTS=closed, invite or open.",
    );
}

import type { Clock, Lifecycle, Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import type { Notifications } from "./database/notifications.ts";
import {
  type AccountServices,
  createAccessTokens,
  createAccountMail,
  createLinkService,
  createLockoutService,
  createPasswordHasher,
  createPasswordService,
  createRegistrationService,
  createSessionService,
  createSignInService,
  createUserService,
  deleteOldFailures,
  deleteOldLinks,
  deleteOldSessions,
  deleteOldUnverified,
  isOwnerClaimed,
  type MadeLink,
  type Mailer,
  makeSetUpLink,
  registerAuthAccountRoutes,
  registerSessionRoutes,
  registerUserRoutes,
} from "./modules/accounts/index.ts";
import { createTokenSigner } from "./modules/auth/index.ts";

/** What tests set otherwise. */
export interface AccountLimits {
  /** Each step doubles the time that a password takes. */
  bcryptCost?: number;
  mailRetryMs?: number;
}

export interface AccountsDeps {
  config: BackendConfig;
  database: Database;
  notifications: Notifications;
  logger: Logger;
  clock: Clock;
  background: Lifecycle;
  /** The installation's secret. */
  secret: string;
  /** Undefined: no mail is sent. */
  mailer: Mailer | undefined;
  publicUrl: () => string;
  limits?: AccountLimits | undefined;
}

export interface Accounts extends AccountServices {
  registerRoutes(server: FastifyInstance): void;
  /** Removes sessions and links that ended more than so many days ago, and wrong passwords that count no more. @returns how many */
  forgetEnded(days: number): Promise<number>;
  /** A link for the first administrator; undefined when there is one, and in local mode. Ask once the server listens. */
  makeSetUpLink(): Promise<MadeLink | undefined>;
}

/** An account that nobody has shown to be theirs gives its name back after so long. */
const unverifiedDays = 7;

/** Wires accounts: people, their sessions and the links that lead to them. */
export function wireAccounts(deps: AccountsDeps): Accounts {
  const { config, database, notifications, logger, clock, secret, publicUrl, limits = {} } = deps;
  const { db } = database;
  const hasher = createPasswordHasher(limits.bcryptCost);
  const links = createLinkService(publicUrl);
  const mail = createAccountMail({ mailer: deps.mailer, logger, retryMs: limits.mailRetryMs });
  deps.background.add("account mail", () => mail.stop());
  const lockout = createLockoutService({ db, signer: createTokenSigner(secret, "login failures") });
  const sessions = createSessionService({
    ...{ db, vital: database.vital, clock, notifications },
    accessTokens: createAccessTokens({ secret, clock }),
  });
  const signIn = createSignInService({ db, hasher, lockout, sessions });
  const passwords = createPasswordService({ db, logger, hasher, links, lockout, mail, sessions, signIn });
  deps.background.add("reset links", () => passwords.idle());
  const mode = config.accounts === "off" ? "closed" : config.accounts;
  const registration = createRegistrationService({ db, mode, hasher, links, sessions, mail, publicUrl });
  const users = createUserService({ db, links, mail });
  const isOn = config.accounts !== "off";
  const services = { isOn, sessions, signIn, registration, passwords, users, publicUrl };
  return {
    ...services,
    registerRoutes(server) {
      registerAuthAccountRoutes(server, services);
      registerSessionRoutes(server, services);
      registerUserRoutes(server, { ...services, isMailOn: mail.isOn, clock });
    },
    forgetEnded: async (days) =>
      (await deleteOldSessions(db, days)) +
      (await deleteOldLinks(db, days)) +
      (await deleteOldFailures(db)) +
      (await deleteOldUnverified(db, unverifiedDays)),
    async makeSetUpLink() {
      if (!isOn || (await isOwnerClaimed(db))) return undefined;
      return await makeSetUpLink(db, links);
    },
  };
}

import { z } from "zod";
import { pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, timestampSchema } from "../scalars.ts";
import { roleSchema } from "../vocabulary.ts";

/** Who may make an account: nobody, who was invited, or everybody whose e-mail address can be reached. */
export const registrationModes = ["closed", "invite", "open"] as const;
export const registrationModeSchema = z.enum(registrationModes).meta({ id: "RegistrationMode" });
export type RegistrationMode = z.infer<typeof registrationModeSchema>;

/** Fewest characters of a password; there are no other rules of composition (NIST SP 800-63B). */
export const passwordCharactersMin = 12;
/** bcrypt reads so many bytes of a password and ignores what follows: longer ones are refused instead. */
export const passwordBytesMax = 72;

const utf8Bytes = (text: string): number => {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
};

/** A password that somebody chooses. Whether it is a common one is looked up by the backend. */
export const newPasswordSchema = z
  .string()
  .refine((text) => [...text].length >= passwordCharactersMin, {
    message: `must have at least ${passwordCharactersMin} characters; a few words make a good one`,
  })
  .refine((text) => utf8Bytes(text) <= passwordBytesMax, {
    message: `must be at most ${passwordBytesMax} bytes long (letters beyond ASCII count as two to four)`,
  })
  .refine((text) => !text.includes("\u0000"), { message: "must not hold a NUL character" });

/** A password that is only compared; what is longer than any can't be right. */
const givenPasswordSchema = z.string().min(1, "must not be empty").max(1_000);

export const usernameSchema = z
  .string()
  .trim()
  .toLowerCase()
  .regex(
    /^[a-z0-9][a-z0-9._-]{1,38}$/,
    "must have 2 to 39 letters, digits and . _ - and begin with a letter or digit",
  );
export const emailSchema = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .pipe(z.email("must be an e-mail address"));
const fullNameSchema = z
  .string()
  .trim()
  .max(100)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
  .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), { message: "must be one line of text" });
const linkTokenSchema = z.string().min(1).max(200);

/** How a person likes the user interface; kept with the account. */
export const userSettingsSchema = z
  .strictObject({
    theme: z.enum(["light", "dark", "system"]).optional(),
    sidebar: z.enum(["open", "collapsed"]).optional(),
    /** By table: columns that are hidden, rows per page. */
    tables: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, "must be the name of a table"),
        z.strictObject({
          hidden: z.array(z.string().max(40)).max(50).optional(),
          pageSize: z.int().min(1).max(100).optional(),
        }),
      )
      .refine((tables) => Object.keys(tables).length <= 50, { message: "must be at most 50 tables" })
      .optional(),
    notifications: z
      .strictObject({
        browser: z.boolean().optional(),
        sound: z.boolean().optional(),
        email: z.boolean().optional(),
      })
      .optional(),
  })
  .meta({ id: "UserSettings" });
export type UserSettings = z.infer<typeof userSettingsSchema>;

export const userSchema = z
  .object({
    id: idSchema,
    username: z.string(),
    email: z.string(),
    fullName: z.string(),
    role: roleSchema,
    isActive: z.boolean(),
    isVerified: z.boolean(),
    createdAt: timestampSchema,
    lastLoginAt: timestampSchema.nullable(),
  })
  .meta({ id: "User" });
export type User = z.infer<typeof userSchema>;

/** The account of who asks. */
export const meSchema = userSchema
  .extend({
    settings: userSettingsSchema,
    /** The address that waits for its verification; null when none does. */
    pendingEmail: z.string().nullable(),
  })
  .meta({ id: "Me" });
export type Me = z.infer<typeof meSchema>;

/** Role and flags are not among it: an administrator sets them. */
export const mePatchSchema = z
  .strictObject({
    fullName: fullNameSchema.optional(),
    /** Takes effect once it is verified; wants a recent password. */
    email: emailSchema.optional(),
    /** What is named replaces what was there under that name. */
    settings: userSettingsSchema.optional(),
  })
  .meta({ id: "MePatch" });

const newAccount = {
  username: usernameSchema,
  email: emailSchema,
  password: newPasswordSchema,
  fullName: fullNameSchema.default(""),
};

export const setUpSchema = z.strictObject({ token: linkTokenSchema, ...newAccount }).meta({ id: "SetUp" });
export const registerSchema = z
  .strictObject({
    ...newAccount,
    /** Not needed with an invitation, which fixes it. */
    email: emailSchema.optional(),
    /** From the link of an invitation; it fixes e-mail address and role. */
    invitation: linkTokenSchema.optional(),
  })
  .refine(({ email, invitation }) => email !== undefined || invitation !== undefined, {
    path: ["email"],
    message: "is needed without an invitation",
  })
  .meta({ id: "Register" });
/** `active`: sign in now. `accepted`: open the link that was mailed, or wait for an administrator; it does not tell whether the name was free. */
export const registeredSchema = z
  .object({ state: z.enum(["active", "accepted"]) })
  .meta({ id: "Registered" });

export const loginSchema = z
  .strictObject({
    /** Name or e-mail address. */
    identifier: z.string().trim().toLowerCase().min(1).max(254),
    password: givenPasswordSchema,
    /** Where the refresh token goes: a cookie that scripts can't read, or the answer's body for programs. */
    transport: z.enum(["cookie", "body"]).default("cookie"),
  })
  .meta({ id: "Login" });
export const refreshSchema = z
  .strictObject({
    /** For programs; a browser sends its cookie. */
    refreshToken: z.string().max(200).optional(),
  })
  .meta({ id: "Refresh" });
/** What signing in gives. */
export const signedInSchema = z
  .object({
    accessToken: z.string(),
    expiresInSeconds: z.number().int(),
    /** Null when it is in the cookie. */
    refreshToken: z.string().nullable(),
    user: userSchema,
  })
  .meta({ id: "SignedIn" });
export type SignedIn = z.infer<typeof signedInSchema>;

export const sessionSchema = z
  .object({
    id: idSchema,
    /** The one that asks. */
    isCurrent: z.boolean(),
    userAgent: z.string(),
    /** Where it was last used from. */
    address: z.string(),
    createdAt: timestampSchema,
    lastUsedAt: timestampSchema,
    expiresAt: timestampSchema,
  })
  .meta({ id: "Session" });
export type Session = z.infer<typeof sessionSchema>;
export const sessionListSchema = z.object({ items: z.array(sessionSchema) }).meta({ id: "SessionList" });

export const confirmPasswordSchema = z
  .strictObject({ password: givenPasswordSchema })
  .meta({ id: "ConfirmPassword" });
export const changePasswordSchema = z
  .strictObject({ currentPassword: givenPasswordSchema, newPassword: newPasswordSchema })
  .meta({ id: "ChangePassword" });
export const forgotPasswordSchema = z.strictObject({ email: emailSchema }).meta({ id: "ForgotPassword" });
export const resetPasswordSchema = z
  .strictObject({ token: linkTokenSchema, newPassword: newPasswordSchema })
  .meta({ id: "ResetPassword" });
export const verifyEmailSchema = z.strictObject({ token: linkTokenSchema }).meta({ id: "VerifyEmail" });
/** Said whether or not there is such an account. */
export const acceptedSchema = z.object({ state: z.literal("accepted") }).meta({ id: "Accepted" });

export const userListQuerySchema = pageQuerySchema.extend({ text: z.string().max(200).optional() });
export const userPageSchema = pageOf("UserPage", userSchema);
export const userPatchSchema = z
  .strictObject({
    role: roleSchema.optional(),
    isActive: z.boolean().optional(),
    /** Only `true`: what an administrator knows needs no e-mail. */
    isVerified: z.literal(true).optional(),
  })
  .meta({ id: "UserPatch" });
export const inviteSchema = z
  .strictObject({ email: emailSchema, role: roleSchema.default("developer") })
  .meta({ id: "Invite" });
export const userLinkCreateSchema = z
  .strictObject({ purpose: z.enum(["reset_password", "verify_email"]) })
  .meta({ id: "UserLinkCreate" });
/** A link that works once. It was mailed too when `isMailed`. */
export const accountLinkSchema = z
  .object({ url: z.string(), expiresAt: timestampSchema, isMailed: z.boolean() })
  .meta({ id: "AccountLink" });
export type AccountLink = z.infer<typeof accountLinkSchema>;

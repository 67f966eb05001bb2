import { z } from "zod";
import { idSchema, timestampSchema } from "../scalars.ts";

export const credentialKinds = ["token", "ssh_key"] as const;
export const credentialKindSchema = z.enum(credentialKinds).meta({ id: "CredentialKind" });

/** Shorter values can't be told from ordinary words, so nothing could keep them out of logs. */
const secretCharactersMin = 8;

/** A host as it stands in a repository's address, with its port when that is not the usual one. */
export const gitHostSchema = z
  .string()
  .max(260)
  .toLowerCase()
  .regex(
    /^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?$/,
    "must be a host such as git.example.org, or git.example.org:8443",
  );

const usernameSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[\x21-\x39\x3b-\x7e]+$/, "visible ASCII characters without a colon only");
const tokenSchema = z
  .string()
  .min(secretCharactersMin)
  .max(16_384)
  .regex(/^[\x21-\x7e]+$/, "visible ASCII characters only, on one line");
/** In the form of OpenSSH or PEM, without a passphrase: nobody is there to type one. */
const privateKeySchema = z
  .string()
  .max(65_536)
  .regex(
    /^-----BEGIN [A-Z ]*PRIVATE KEY-----\n[\s\S]+-----END [A-Z ]*PRIVATE KEY-----\s*$/,
    "must be a private key as ssh-keygen writes it, from its BEGIN line to its END line",
  );
/** Lines of a known_hosts file. */
const knownHostsSchema = z
  .string()
  .min(1)
  .max(65_536)
  .refine((text) => !text.includes("\u0000"), { message: "must not hold NUL" });

/** What a credential opens: one repository, or every repository of a host. */
const placeFields = { repositoryId: idSchema.optional(), host: gitHostSchema.optional() };

export const credentialCreateSchema = z
  .discriminatedUnion("kind", [
    z.object({
      ...placeFields,
      kind: z.literal("token"),
      /** What git calls the user; most forges take any name beside a token. */
      username: usernameSchema.default("x-access-token"),
      value: tokenSchema,
    }),
    z.object({
      ...placeFields,
      kind: z.literal("ssh_key"),
      value: privateKeySchema,
      /** The keys that the host may show: any other is refused. */
      knownHosts: knownHostsSchema,
    }),
  ])
  .refine(({ repositoryId, host }) => (repositoryId === undefined) !== (host === undefined), {
    path: ["host"],
    message: "name either a repositoryId or a host",
  })
  .meta({ id: "CredentialCreate" });

/** What is not named keeps its value. */
export const credentialUpdateSchema = z
  .object({
    username: usernameSchema.optional(),
    value: z.union([privateKeySchema, tokenSchema]).optional(),
    knownHosts: knownHostsSchema.optional(),
  })
  .meta({ id: "CredentialUpdate" });

/** What is told of a credential. Its value never is. */
export const credentialSchema = z
  .object({
    id: idSchema,
    kind: credentialKindSchema,
    repositoryId: idSchema.nullable(),
    host: z.string().nullable(),
    username: z.string().nullable(),
    knownHosts: z.string().nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
    /** When it was last given to a worker. */
    lastUsedAt: timestampSchema.nullable(),
  })
  .meta({ id: "Credential" });

export const credentialListSchema = z.object({ items: z.array(credentialSchema) });

/** Name of an environment variable. */
export const variableNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, "must be the name of an environment variable")
  .refine((name) => !name.startsWith("AGENTVINE_"), { message: "names with AGENTVINE_ are ours" });

export const repositorySecretSetSchema = z
  .object({
    value: z
      .string()
      .min(secretCharactersMin)
      .max(32_768)
      .refine((text) => !text.includes("\u0000"), { message: "must not hold NUL" })
      .refine((text) => text.trim().length >= secretCharactersMin, {
        message: "holds too little beside blanks",
      }),
  })
  .meta({ id: "RepositorySecretSet" });

/** What is told of a test-run secret. Its value never is. */
export const repositorySecretSchema = z
  .object({
    name: z.string(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
    lastUsedAt: timestampSchema.nullable(),
  })
  .meta({ id: "RepositorySecret" });

export const repositorySecretListSchema = z.object({ items: z.array(repositorySecretSchema) });

/** What an attempt needs to reach its repository, and what the commands that set it up and judge it get. */
export const attemptCredentialsSchema = z
  .object({
    /** Null: none is stored for the repository or its host. */
    credential: z
      .discriminatedUnion("kind", [
        z.object({ kind: z.literal("token"), username: z.string(), password: z.string() }),
        z.object({ kind: z.literal("ssh_key"), privateKey: z.string(), knownHosts: z.string() }),
      ])
      .nullable(),
    /** Empty for orders that run no command of the repository. */
    testSecrets: z.array(z.object({ name: z.string(), value: z.string() })),
  })
  .meta({ id: "AttemptCredentials" });

/** How the stored secrets stand to the master keys of the backend that answers. */
export const sealStateSchema = z
  .object({
    /** What is sealed now is sealed with this one. */
    newestKeyId: z.string(),
    /** The keys in use, and those this backend has. */
    masterKeys: z.array(
      z.object({
        id: z.string(),
        /** How many values are sealed with it. */
        sealed: z.number().int(),
        /** This backend can open them. */
        isKnown: z.boolean(),
      }),
    ),
  })
  .meta({ id: "SealState" });

export const sealRotateSchema = z
  .object({
    /** First makes a new key, where the key is a file that the backend made itself. */
    makesKey: z.boolean().default(false),
  })
  .meta({ id: "SealRotate" });

export const sealRotatedSchema = sealStateSchema
  .extend({
    /** How many values were sealed anew. */
    resealed: z.number().int(),
    /** How many could not be: their key is not known here, or they are damaged. */
    failed: z.number().int(),
  })
  .meta({ id: "SealRotated" });

export type CredentialKind = z.infer<typeof credentialKindSchema>;
export type Credential = z.infer<typeof credentialSchema>;
export type CredentialCreate = z.infer<typeof credentialCreateSchema>;
export type CredentialUpdate = z.infer<typeof credentialUpdateSchema>;
export type RepositorySecret = z.infer<typeof repositorySecretSchema>;
export type AttemptCredentials = z.infer<typeof attemptCredentialsSchema>;
export type SealState = z.infer<typeof sealStateSchema>;
export type SealRotated = z.infer<typeof sealRotatedSchema>;

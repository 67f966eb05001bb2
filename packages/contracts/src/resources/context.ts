import { z } from "zod";
import { listOf, orderSchema, pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, labelSchema, textSchema, timestampSchema, titleSchema } from "../scalars.ts";

export const documentTypes = ["design", "plan", "specification", "guide", "reference"] as const;
export const documentTypeSchema = z.enum(documentTypes).meta({ id: "DocumentType" });
export type DocumentType = z.infer<typeof documentTypeSchema>;

/** `proposed` ones wait for a person; only active ones reach agents. */
export const documentStatuses = ["active", "archived", "proposed"] as const;
export const documentStatusSchema = z.enum(documentStatuses).meta({ id: "DocumentStatus" });
export type DocumentStatus = z.infer<typeof documentStatusSchema>;

const tagsSchema = z.array(labelSchema).max(30);

const documentFields = {
  id: idSchema,
  title: titleSchema,
  type: documentTypeSchema,
  tags: z.array(z.string()),
  /** Null: for every repository. */
  repositoryId: idSchema.nullable(),
  status: documentStatusSchema,
  version: z.number().int().min(1),
  /** Who wrote this version: a person's, key's or order's id. */
  author: z.string(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
};

export const contextDocumentSchema = z
  .object({ ...documentFields, content: textSchema })
  .meta({ id: "ContextDocument" });

export const contextDocumentCreateSchema = z
  .object({
    title: titleSchema,
    type: documentTypeSchema,
    content: textSchema,
    tags: tagsSchema.default([]),
    repositoryId: idSchema.nullable().default(null),
    status: documentStatusSchema.default("active"),
  })
  .meta({ id: "ContextDocumentCreate" });

export const contextDocumentUpdateSchema = z
  .object({
    /** The version the change was made from. */
    version: z.number().int().min(1).max(2_147_483_647),
    title: titleSchema.optional(),
    type: documentTypeSchema.optional(),
    content: textSchema.optional(),
    tags: tagsSchema.optional(),
    repositoryId: idSchema.nullable().optional(),
    status: documentStatusSchema.optional(),
  })
  .meta({ id: "ContextDocumentUpdate" });

export const contextDocumentSummarySchema = z
  .object({
    ...documentFields,
    /** Where the search found it, or how it begins. */
    excerpt: z.string(),
  })
  .meta({ id: "ContextDocumentSummary" });

export const contextDocumentQuerySchema = pageQuerySchema.extend({
  search: z.string().max(500).optional(),
  type: listOf(documentTypeSchema).optional(),
  status: listOf(documentStatusSchema).optional(),
  tag: labelSchema.optional(),
  /** Documents of that repository, and those for every one. */
  repositoryId: idSchema.optional(),
  order: orderSchema.default("desc"),
});
export const contextDocumentListSchema = pageOf("ContextDocumentList", contextDocumentSummarySchema);

export const contextVersionSchema = z
  .object({
    documentId: idSchema,
    version: z.number().int().min(1),
    title: z.string(),
    status: documentStatusSchema,
    tags: z.array(z.string()),
    author: z.string(),
    createdAt: timestampSchema,
  })
  .meta({ id: "ContextVersion" });
export const contextVersionListSchema = z
  .object({ items: z.array(contextVersionSchema) })
  .meta({ id: "ContextVersionList" });
export const contextDiffSchema = z
  .object({
    documentId: idSchema,
    from: z.number().int(),
    to: z.number().int(),
    /** Unified; empty when the text is the same. */
    diff: z.string(),
  })
  .meta({ id: "ContextDiff" });
export const contextTagListSchema = z
  .object({ items: z.array(z.object({ tag: z.string(), documents: z.number().int() })) })
  .meta({ id: "ContextTagList" });

/** A document that has to do with a task, and how much. */
export const documentMatchSchema = z
  .object({
    documentId: idSchema,
    version: z.number().int().min(1),
    title: z.string(),
    type: documentTypeSchema,
    tags: z.array(z.string()),
    repositoryId: idSchema.nullable(),
    excerpt: z.string(),
    /** Greater is better; comparable within one answer. */
    rank: z.number(),
  })
  .meta({ id: "DocumentMatch" });
export const documentMatchListSchema = z
  .object({ items: z.array(documentMatchSchema) })
  .meta({ id: "DocumentMatchList" });

/** A match as the agent of an attempt gets it. */
export const attemptDocumentMatchSchema = documentMatchSchema
  .extend({
    /** Length of the whole text. */
    characters: z.number().int().min(0),
    /** The whole text where it is short enough, else null: then it can be read in pages. */
    content: z.string().nullable(),
  })
  .meta({ id: "AttemptDocumentMatch" });
export const attemptDocumentMatchListSchema = z
  .object({ items: z.array(attemptDocumentMatchSchema) })
  .meta({ id: "AttemptDocumentMatchList" });

/** So much of a document is handed to an agent at once. */
export const documentPageCharactersMax = 20_000;

const matchFields = { text: z.string().max(10_000).default("") };
export const contextMatchQuerySchema = z.object({
  taskId: idSchema,
  ...matchFields,
  limit: z.coerce.number().int().min(1).max(20).default(5),
});
const attemptFields = { workOrderId: idSchema, attempt: z.int32().min(1) };
export const contextForAttemptSchema = z
  .object({
    ...attemptFields,
    ...matchFields,
    limit: z.number().int().min(1).max(20).default(5),
    /** Documents come whole, best first, as long as they have no more than so many characters together. */
    wholeCharactersMax: z.number().int().min(0).max(documentPageCharactersMax).default(0),
  })
  .meta({ id: "ContextForAttempt" });

export const documentForAttemptSchema = z
  .object({
    ...attemptFields,
    documentId: idSchema,
    /** Characters to pass over. */
    offset: z.number().int().min(0).max(1_000_000).default(0),
    charactersMax: z.number().int().min(1).max(documentPageCharactersMax).default(documentPageCharactersMax),
  })
  .meta({ id: "DocumentForAttempt" });
export const documentPageSchema = z
  .object({
    documentId: idSchema,
    version: z.number().int().min(1),
    title: z.string(),
    type: documentTypeSchema,
    offset: z.number().int().min(0),
    content: z.string(),
    /** Length of the whole text. */
    characters: z.number().int().min(0),
    /** Where the next page begins; null at the end. */
    nextOffset: z.number().int().min(1).nullable(),
  })
  .meta({ id: "DocumentPage" });

export type ContextDocument = z.infer<typeof contextDocumentSchema>;
export type ContextDocumentCreate = z.infer<typeof contextDocumentCreateSchema>;
export type ContextDocumentUpdate = z.infer<typeof contextDocumentUpdateSchema>;
export type ContextDocumentSummary = z.infer<typeof contextDocumentSummarySchema>;
export type ContextDocumentQuery = z.infer<typeof contextDocumentQuerySchema>;
export type ContextVersion = z.infer<typeof contextVersionSchema>;
export type AttemptDocumentMatch = z.infer<typeof attemptDocumentMatchSchema>;
export type ContextForAttempt = z.infer<typeof contextForAttemptSchema>;
export type DocumentForAttempt = z.infer<typeof documentForAttemptSchema>;
export type DocumentPage = z.infer<typeof documentPageSchema>;
export type DocumentMatch = z.infer<typeof documentMatchSchema>;

import {
  type DocumentStatus,
  type DocumentType,
  documentStatuses,
  documentTypes,
} from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, objectColumn, updatedAtColumn, wordsColumn } from "./columns.ts";
import { repositories } from "./repositories.ts";

/** A design, plan, specification, guide or reference that people share with agents. */
export const contextDocuments = pgTable(
  "context_documents",
  {
    id: idColumn(),
    title: text("title").notNull(),
    documentType: text("document_type").$type<DocumentType>().notNull(),
    content: text("content").notNull(),
    tags: text("tags").array().notNull().default(sql`'{}'::text[]`),
    /** Null: for every repository. */
    repositoryId: uuid("repository_id").references(() => repositories.id, { onDelete: "cascade" }),
    status: text("status").$type<DocumentStatus>().notNull(),
    version: integer("version").notNull().default(1),
    metadata: objectColumn("metadata"),
    /** Who wrote the current version. */
    createdBy: text("created_by").notNull(),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
    /** Every word, for searching by beginnings. */
    words: wordsColumn("words").notNull(),
    /** Stems without the words that say nothing, for matching to a task. */
    terms: wordsColumn("terms").notNull(),
  },
  (table) => [
    index("context_documents_updated_at_idx").on(table.updatedAt, table.id),
    index("context_documents_document_type_idx").on(table.documentType),
    index("context_documents_repository_id_idx").on(table.repositoryId),
    index("context_documents_created_by_idx").on(table.createdBy),
    index("context_documents_tags_idx").using("gin", table.tags),
    index("context_documents_words_idx").using("gin", table.words),
    index("context_documents_terms_idx").using("gin", table.terms),
    isOneOf("context_documents_document_type_check", table.documentType, documentTypes),
    isOneOf("context_documents_status_check", table.status, documentStatuses),
  ],
);

/** A document as each version was; never changed. */
export const contextDocumentVersions = pgTable(
  "context_document_versions",
  {
    documentId: uuid("document_id")
      .notNull()
      .references(() => contextDocuments.id, { onDelete: "cascade" }),
    version: integer("version").notNull(),
    title: text("title").notNull(),
    documentType: text("document_type").$type<DocumentType>().notNull(),
    content: text("content").notNull(),
    tags: text("tags").array().notNull(),
    repositoryId: uuid("repository_id"),
    status: text("status").$type<DocumentStatus>().notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: createdAtColumn(),
  },
  (table) => [primaryKey({ columns: [table.documentId, table.version] })],
);

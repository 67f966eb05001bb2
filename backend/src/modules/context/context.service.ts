import { createHash } from "node:crypto";
import type {
  AttemptDocumentMatch,
  ContextDocument,
  ContextDocumentCreate,
  ContextDocumentQuery,
  ContextDocumentSummary,
  ContextDocumentUpdate,
  ContextForAttempt,
  ContextVersion,
  DocumentForAttempt,
  DocumentPage,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { createPatch } from "diff";
import type { Actor } from "../../actor.ts";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { changeOf, recordAudit } from "../audit/index.ts";
import { assertOwnAttempt, lockHeldWork } from "../queue/index.ts";
import { findPage, readTexts } from "./attempt-document.repository.ts";
import {
  findDocument,
  insertDocument,
  listDocuments,
  listTags,
  listVersions,
  lockDocumentId,
  updateDocument,
} from "./document.repository.ts";
import { type FoundDocument, findMatches, readTaskForMatch } from "./match.repository.ts";

const unknownDocument = (): AppError => new AppError("document.not_found", "There is no such document.");

/** What the audit log tells of a document; its words stand with its versions. */
const factsOf = ({ content, ...facts }: { content: string }) => ({
  ...facts,
  contentDigest: createHash("sha256").update(content).digest("hex"),
});

const recordDocument = (
  tx: Tx,
  action: "document.created" | "document.updated",
  targetId: string,
  { before, after }: { before?: object; after: object },
): Promise<void> =>
  recordAudit(tx, {
    ...{ action, targetType: "document", targetId },
    ...(before === undefined ? { after } : changeOf(before, after)),
  });

/** A difference that takes longer to find is told as all old, all new. */
const diffMsMax = 500;

/** Documents that people share with agents. */
export function createContextService({
  db,
  hasRepository,
}: {
  db: Db;
  /** @throws AppError `repository.not_found` */
  hasRepository: (id: string) => Promise<unknown>;
}) {
  const get = async (id: string, version?: number): Promise<ContextDocument> => {
    const document = await findDocument(db, id, version);
    if (document === undefined) throw unknownDocument();
    return document;
  };

  /** The task of the attempt that asks. @throws AppError `work_order.lease_lost` */
  const taskOf = async (actor: Actor, ref: { workOrderId: string; attempt: number }) => {
    assertOwnAttempt(actor, ref);
    return (await inTransaction(db, (tx) => lockHeldWork(tx, ref))).task;
  };

  return {
    get,

    /** @throws AppError `repository.not_found` */
    create: async (id: string, actor: Actor, body: ContextDocumentCreate): Promise<ContextDocument> => {
      if (body.repositoryId !== null) await hasRepository(body.repositoryId);
      await inTransaction(db, async (tx) => {
        await insertDocument(tx, id, body, actor.userId);
        await recordDocument(tx, "document.created", id, { after: factsOf(body) });
      });
      return await get(id);
    },

    list: (query: ContextDocumentQuery): Promise<Page<ContextDocumentSummary>> => listDocuments(db, query),

    /** @throws AppError `document.not_found`, `document.changed`, `repository.not_found` */
    update: async (
      id: string,
      actor: Actor,
      { version, ...change }: ContextDocumentUpdate,
    ): Promise<ContextDocument> => {
      const before = await get(id);
      const isSame = before.version === version;
      if (change.repositoryId !== undefined && change.repositoryId !== null)
        await hasRepository(change.repositoryId);
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      const text = { ...before, ...given };
      const isDone =
        isSame &&
        (await inTransaction(db, async (tx) => {
          const isChanged = await updateDocument(tx, { id, version }, text, actor.userId);
          if (isChanged)
            await recordDocument(tx, "document.updated", id, {
              before: factsOf(before),
              after: factsOf(text),
            });
          return isChanged;
        }));
      if (!isDone)
        throw new AppError("document.changed", "The document was changed meanwhile.", {
          data: { version: (await get(id)).version },
        });
      return await get(id);
    },

    /** @throws AppError `document.not_found` */
    versions: async (id: string): Promise<ContextVersion[]> => {
      await get(id);
      return await listVersions(db, id);
    },

    /** @throws AppError `document.not_found` */
    diff: async (id: string, { from, to }: { from: number; to: number }) => {
      const [old, current] = [await get(id, from), await get(id, to)];
      const texts = [old.content, current.content] as const;
      const patch = createPatch(current.title, ...texts, `version ${from}`, `version ${to}`, {
        timeout: diffMsMax,
      } as { timeout: number });
      const diff = patch ?? wholeTexts(...texts);
      return { documentId: id, from, to, diff: old.content === current.content ? "" : diff };
    },

    tags: () => listTags(db),

    /** @throws AppError `task.not_found` */
    match: (query: { taskId: string; text: string; limit: number }) => matchDocuments(db, query),

    /** @throws AppError `work_order.lease_lost` */
    forAttempt: async (
      actor: Actor,
      { text, limit, wholeCharactersMax, ...ref }: ContextForAttempt,
    ): Promise<AttemptDocumentMatch[]> => {
      const task = await taskOf(actor, ref);
      const found = await matchDocuments(db, { taskId: task.id, text, limit });
      const texts = await readTexts(db, shortEnough(found, wholeCharactersMax));
      return found.map((document) => ({ ...document, content: texts.get(document.documentId) ?? null }));
    },

    /** @throws AppError `work_order.lease_lost`, `document.not_found` also for one that is not active or of another repository */
    documentForAttempt: async (
      actor: Actor,
      { workOrderId, attempt, ...wanted }: DocumentForAttempt,
    ): Promise<DocumentPage> => {
      const { repositoryId } = await taskOf(actor, { workOrderId, attempt });
      const page = await findPage(db, repositoryId, wanted);
      if (page === undefined) throw unknownDocument();
      return page;
    },
  };
}

export type ContextService = ReturnType<typeof createContextService>;

const wholeTexts = (old: string, current: string): string =>
  [...old.split("\n").map((line) => `-${line}`), ...current.split("\n").map((line) => `+${line}`), ""].join(
    "\n",
  );

/**
 * Active documents that have to do with a task and a further text, best first.
 * @throws AppError `task.not_found`
 */
async function matchDocuments(
  db: Db | Tx,
  { taskId, text, limit }: { taskId: string; text: string; limit: number },
): Promise<FoundDocument[]> {
  const task = await readTaskForMatch(db, taskId);
  if (task === undefined) throw new AppError("task.not_found", "There is no such task.");
  // What is asked comes first: of very many words only the first count.
  return await findMatches(db, { ...task, text: `${text} ${task.text}`, limit });
}

/** Which documents fit whole into so many characters, best first. */
function shortEnough(found: readonly FoundDocument[], charactersMax: number): FoundDocument[] {
  let left = charactersMax;
  return found.filter(({ characters }) => {
    if (characters > left) return false;
    left -= characters;
    return true;
  });
}

/** Keeps a document that waits for a person, once: one with its id stays as people left it. */
export async function proposeDocument(
  tx: Tx,
  {
    id,
    author,
    ...text
  }: Pick<ContextDocument, "id" | "title" | "content" | "tags" | "repositoryId" | "author">,
): Promise<ContextDocument> {
  // The same question may be answered twice at once.
  await lockDocumentId(tx, id);
  const there = await findDocument(tx, id);
  if (there !== undefined) return there;
  await insertDocument(tx, id, { ...text, type: "reference", status: "proposed" }, author);
  const kept = await findDocument(tx, id);
  if (kept === undefined) throw unknownDocument();
  return kept;
}

/**
 * A cited version, when there is one that the repository may see; versions of archived documents still count. What nobody has accepted
 * yet is no ground: controllers propose documents themselves.
 */
export async function findCited(
  tx: Tx,
  repositoryId: string,
  { id, version }: { id: string; version: number | null },
): Promise<{ title: string; text: string } | undefined> {
  const document = await findDocument(tx, id, version ?? undefined);
  if (document === undefined || document.status === "proposed") return undefined;
  const isSeen = document.repositoryId === null || document.repositoryId === repositoryId;
  return isSeen ? { title: document.title, text: document.content } : undefined;
}

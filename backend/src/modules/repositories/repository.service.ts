import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  type Repository,
  type RepositoryCreate,
  type RepositoryUpdate,
  repositorySettingsSchema,
} from "@agentvine/contracts";
import { AppError, judgeHost, type LookUpHost } from "@agentvine/kit";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { definedOf } from "../../defined-of.ts";
import { changeOf, recordAudit } from "../audit/index.ts";
import { recordEvent } from "../events/index.ts";
import {
  countTasksOf,
  deleteRepositoryRow,
  ensureRepositoryRow,
  findRepository,
  findRepositoryByKey,
  listRepositories,
  lockRepository,
  type RepositoryRow,
  updateRepositoryRow,
} from "./repository.repository.ts";
import { parseRepositoryUrl, privateHost, type UrlGate } from "./repository-url.ts";

/** A repository address as it is stored. */
export interface ResolvedRepository {
  url: string;
  canonicalKey: string;
  name: string;
  /** Undefined for paths. */
  hostname?: string;
}

export interface RepositoryService {
  /**
   * Checks an address and finds its key. Looks at the disk for paths, so call it outside a transaction.
   * @throws AppError `repository.url_invalid`, `repository.unreachable`
   */
  resolve(url: string): Promise<ResolvedRepository>;
  /**
   * The repository of an address within a transaction; registered when it is new. Nobody is asked about its host here: `findByUrl` has done
   * that before.
   * @throws as `resolve`
   */
  ensure(tx: Tx, url: string): Promise<Repository>;
  /**
   * The registered repository of an address; undefined when it is new, and its host may be used.
   * @throws as `resolve`, and when the name of its host leads into a private network
   */
  findByUrl(url: string): Promise<Repository | undefined>;
  create(input: RepositoryCreate, correlationId?: string): Promise<Repository>;
  list(query: { page: number; pageSize: number; search?: string | undefined }): Promise<Page<Repository>>;
  /** @throws AppError `repository.not_found` */
  get(id: string, db?: Db | Tx): Promise<Repository>;
  /** @throws AppError `repository.not_found` */
  update(id: string, change: RepositoryUpdate, correlationId?: string): Promise<Repository>;
  /** @throws AppError `repository.not_found`, `repository.in_use` */
  delete(id: string, correlationId?: string): Promise<void>;
}

const toResource = (row: RepositoryRow): Repository => ({
  id: row.id,
  canonicalKey: row.canonicalKey,
  url: row.url,
  name: row.name,
  defaultBranch: row.defaultBranch,
  settings: row.settings,
  egress: row.egress,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

const target = (targetId: string) => ({ targetType: "repository", targetId }) as const;

/** What the audit log tells of a repository. Of its environment the names alone: the values may be secrets. */
const shownState = ({ url, name, defaultBranch, egress, settings }: RepositoryRow) => ({
  ...{ url, name, defaultBranch, egress },
  ...settings,
  environment: Object.keys(settings.environment ?? {}),
});
/** Longer nobody waits for an answer about a name. */
const lookUpMsMax = 2_000;

const notFound = (): AppError => new AppError("repository.not_found", "There is no such repository.");

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The real path of a repository on this machine; links, `..` and a trailing `.git` make no difference. */
async function resolvePath(path: string): Promise<ResolvedRepository> {
  const unreachable = (reason: string) =>
    new AppError("repository.unreachable", `The repository ${path} can't be used: ${reason}.`, {
      issues: [{ path: "url", message: reason }],
    });
  const real = await realpath(path).catch((error: unknown) => {
    const isForbidden = error instanceof Error && "code" in error && error.code === "EACCES";
    throw unreachable(isForbidden ? "the server may not read it" : "there is no such directory");
  });
  // The folder that git keeps inside a working copy names that copy.
  const root = basename(real) === ".git" ? dirname(real) : real;
  const isWorkingCopy = await exists(join(root, ".git"));
  const isBare = (await exists(join(root, "HEAD"))) && (await exists(join(root, "objects")));
  if (!isWorkingCopy && !isBare) {
    throw unreachable("it is no git repository");
  }
  const name = basename(root).replace(/\.git$/, "");
  return { url: root, canonicalKey: `file:${root}`, name: name === "" ? root : name };
}

/** The repository of an address; registered when it is new. */
async function ensure(
  tx: Tx,
  { url, canonicalKey, name }: ResolvedRepository,
  input: Omit<RepositoryCreate, "url"> = {},
  correlationId: string | null = null,
): Promise<Repository> {
  const { row, isNew } = await ensureRepositoryRow(tx, {
    canonicalKey,
    url,
    name: input.name ?? name,
    defaultBranch: input.defaultBranch ?? null,
    settings: repositorySettingsSchema.parse(input.settings ?? {}),
  });
  if (isNew) {
    await recordEvent(tx, {
      type: "repository.created",
      correlationId,
      data: { repositoryId: row.id, name: row.name },
    });
    const after = shownState(row);
    await recordAudit(tx, { action: "repository.created", ...target(row.id), after });
  }
  return toResource(row);
}

/** Repositories, each under one key however it is spelled. */
export function createRepositoryService(deps: {
  db: Db;
  gate: UrlGate;
  lookUpHost?: LookUpHost | undefined;
}): RepositoryService {
  const { db, gate, lookUpHost } = deps;

  async function resolve(url: string): Promise<ResolvedRepository> {
    const address = parseRepositoryUrl(url, gate);
    return address.kind === "path" ? await resolvePath(address.path) : address;
  }

  /** Undefined for a new one, after a look at where the name of its host leads. */
  async function findKnown({ canonicalKey, hostname }: ResolvedRepository): Promise<Repository | undefined> {
    const row = await findRepositoryByKey(db, canonicalKey);
    if (row !== undefined) return toResource(row);
    // A name that is not known here may be known to the workers, who judge it again each time they connect.
    if (hostname === undefined || gate.allowsPrivateHosts) return undefined;
    const verdict = await judgeHost(hostname, lookUpHost, lookUpMsMax);
    if (verdict.kind === "private") throw privateHost(verdict.address);
    return undefined;
  }

  return {
    resolve,
    ensure: async (tx, url) => await ensure(tx, await resolve(url)),
    async findByUrl(url) {
      const resolved = await resolve(url);
      return await findKnown(resolved);
    },
    async create({ url, ...input }, correlationId) {
      const resolved = await resolve(url);
      await findKnown(resolved);
      return await inTransaction(db, (tx) => ensure(tx, resolved, input, correlationId));
    },
    async list(query) {
      const { rows, ...total } = await listRepositories(db, query);
      return { items: rows.map(toResource), ...total };
    },
    async get(id, within = db) {
      const row = await findRepository(within, id);
      if (row === undefined) {
        throw notFound();
      }
      return toResource(row);
    },
    async update(id, { settings, ...change }, correlationId) {
      return await inTransaction(db, async (tx) => {
        const before = await lockRepository(tx, id);
        if (before === undefined) {
          throw notFound();
        }
        const row = await updateRepositoryRow(tx, id, {
          ...(change.name === undefined ? {} : { name: change.name }),
          ...(change.defaultBranch === undefined ? {} : { defaultBranch: change.defaultBranch }),
          ...(settings === undefined ? {} : { settings: { ...before.settings, ...definedOf(settings) } }),
        });
        await recordEvent(tx, {
          type: "repository.updated",
          correlationId: correlationId ?? null,
          data: { repositoryId: id },
        });
        await recordAudit(tx, {
          ...{ action: "repository.updated", ...target(id) },
          ...changeOf(shownState(before), shownState(row ?? before)),
        });
        return toResource(row ?? before);
      });
    },
    async delete(id, correlationId) {
      await inTransaction(db, async (tx) => {
        const before = await lockRepository(tx, id);
        if (before === undefined) {
          throw notFound();
        }
        const taskCount = await countTasksOf(tx, id);
        if (taskCount > 0) {
          throw new AppError(
            "repository.in_use",
            `${taskCount} ${taskCount === 1 ? "task refers" : "tasks refer"} to the repository: delete them first.`,
            { data: { taskCount } },
          );
        }
        await deleteRepositoryRow(tx, id);
        await recordEvent(tx, {
          type: "repository.deleted",
          correlationId: correlationId ?? null,
          data: { repositoryId: id },
        });
        await recordAudit(tx, { action: "repository.deleted", ...target(id), before: shownState(before) });
      });
    },
  };
}

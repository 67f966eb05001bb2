import { newId } from "@agentvine/kit";
import pg from "pg";

/** Writes the rows of uploads, without the uploads: they are no part of a work order's way through the queue. */
export interface ArtifactRows {
  /** One file of the execution; returns its id. */
  insert(executionId: string, taskId: string): Promise<string>;
  close(): Promise<void>;
}

const digest = "0".repeat(64);

export async function openArtifactRows(databaseUrl: string, connections: number): Promise<ArtifactRows> {
  // They are not waited for until they are on disk: that would be measured with the rest.
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connections,
    options: "-c synchronous_commit=off",
  });
  await pool.query("insert into blobs (digest, size_bytes) values ($1, 1) on conflict do nothing", [digest]);
  return {
    insert: async (executionId, taskId) => {
      const id = newId();
      await pool.query({
        name: "artifact",
        text: `insert into artifacts (id, execution_id, task_id, kind, name, content_type, size_bytes, digest)
          values ($1, $2, $3, 'bundle', 'result', 'application/octet-stream', 1, $4)`,
        values: [id, executionId, taskId, digest],
      });
      return id;
    },
    close: () => pool.end(),
  };
}

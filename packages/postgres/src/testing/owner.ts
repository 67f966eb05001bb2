// A process that owns a server: started by tests to be killed. argv[2] is the options as JSON. Writes one line of JSON when
// it is ready or has failed; a line on standard input makes it stop the server and end.
import { isAppError } from "@agentvine/kit";
import { resolveClusterDir, startEmbeddedPostgres, unsafeFastSettings } from "../index.ts";

const { dataDir, home } = JSON.parse(process.argv[2] ?? "{}");

// Ctrl-C reaches the whole process group; this one takes its time.
process.on("SIGINT", () => {});

try {
  const server = await startEmbeddedPostgres({
    dataDir: dataDir ?? resolveClusterDir(home),
    settings: unsafeFastSettings,
  });
  const { url, pid, adopted } = server;
  process.stdout.write(`${JSON.stringify({ url, pid, adopted, dataDir: server.dataDir })}\n`);
  process.stdin.once("data", () => {
    void server.stop().then(() => process.exit(0));
  });
} catch (error) {
  const { code, message } = isAppError(error) ? error : { code: "none", message: String(error) };
  process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
}

// How fast work orders go through the queue, beside the same statements run bare and beside other queues on the same PostgreSQL.
//
// How: `npm run bench:dispatch [-- --json]`. Takes minutes; --quick proves in seconds that it runs, its figures say little.
import { startCluster } from "./cluster.ts";
import { measureHttpLives } from "./dispatch/http-lives.ts";
import { measureClaims } from "./dispatch/queue-depth.ts";
import { measureWakes } from "./dispatch/wake-latency.ts";
import { type BenchOptions, readOptions, tellProgress } from "./options.ts";
import { atLeast, atMost, printReport, type Report } from "./report.ts";
import { percentile } from "./statistics.ts";

const concurrency = 16;
const depths = [10, 1_000, 100_000] as const;

async function measure({ isQuick }: BenchOptions): Promise<Report> {
  const load = { concurrency, warmUpMs: isQuick ? 500 : 4_000, durationMs: isQuick ? 1_000 : 15_000 };
  const rounds = isQuick ? 20 : 400;
  const cluster = await startCluster();
  try {
    tellProgress("full lives of work orders over HTTP");
    const http = await measureHttpLives(await cluster.createMigrated(), load);
    tellProgress("from an enqueued order to the idle worker");
    const wakesMs = await measureWakes(await cluster.createMigrated(), rounds);
    const claimsMs: Record<string, number> = {};
    for (const depth of depths) {
      tellProgress(`claims with ${depth} orders queued`);
      claimsMs[depth] = percentile(await measureClaims(await cluster.createMigrated(), depth, rounds), 0.95);
    }
    const flatness = Math.max(...Object.values(claimsMs)) / (claimsMs[depths[0]] ?? Number.NaN);
    return {
      figures: {
        "a: full lives over HTTP, per second": http.perSecond,
        "a: p50 of a life, ms": percentile(http.latenciesMs, 0.5),
        "a: p95 of a life, ms": percentile(http.latenciesMs, 0.95),
        "c: enqueue sent to claim received, p50, ms": percentile(wakesMs, 0.5),
        "c: enqueue sent to claim received, p95, ms": percentile(wakesMs, 0.95),
        ...Object.fromEntries(
          Object.entries(claimsMs).map(([depth, ms]) => [`d: claim p95 with ${depth} queued, ms`, ms]),
        ),
      },
      aims: [
        atLeast("a: full lives over HTTP", http.perSecond, 300, "/s"),
        atMost("c: enqueue to claim p50", percentile(wakesMs, 0.5), 5, "ms"),
        atMost("c: enqueue to claim p95", percentile(wakesMs, 0.95), 20, "ms"),
        atMost("d: slowest depth over the shallowest", flatness, 2, "x"),
      ],
    };
  } finally {
    await cluster.stop();
  }
}

const options = readOptions(process.argv.slice(2));
printReport("bench:dispatch", await measure(options), options.isJson);

// How fast work orders go through the queue, beside the same statements run bare and beside other queues on the same PostgreSQL.
//
// How: `npm run bench:dispatch [-- --json]`. Takes minutes; --quick proves in seconds that it runs, its figures say little.
import { startCluster } from "./cluster.ts";
import { measureBullmq } from "./dispatch/baselines/bullmq.ts";
import { measureClaimAndComplete } from "./dispatch/baselines/claim-and-complete.ts";
import { measureGraphileWorker } from "./dispatch/baselines/graphile-worker.ts";
import { measureHttpLives } from "./dispatch/http-lives.ts";
import { measureClaims } from "./dispatch/queue-depth.ts";
import { measureInProcess } from "./dispatch/statements.ts";
import { measureWakes } from "./dispatch/wake-latency.ts";
import { type BenchOptions, readOptions, tellProgress } from "./options.ts";
import { atLeast, atMost, printReport, type Report } from "./report.ts";
import { percentile } from "./statistics.ts";

const concurrency = 16;
const allDepths = [10, 1_000, 100_000];

async function measure({ isQuick }: BenchOptions): Promise<Report> {
  const load = { concurrency, warmUpMs: isQuick ? 200 : 4_000, durationMs: isQuick ? 500 : 15_000 };
  const rounds = isQuick ? 8 : 400;
  const depths = isQuick ? allDepths.slice(0, 2) : allDepths;
  const cluster = await startCluster();
  try {
    tellProgress("full lives of work orders over HTTP");
    const http = await measureHttpLives(await cluster.createMigrated(), load);
    tellProgress("the same in process, and its statements bare");
    const own = await measureInProcess(cluster, {
      concurrency,
      warmUpRounds: isQuick ? 1 : 40,
      rounds: isQuick ? 2 : 200,
    });
    tellProgress("a bare claim and completion, graphile-worker, BullMQ");
    const jobs = isQuick ? 100 : 10_000;
    const bare = await measureClaimAndComplete(await cluster.createEmpty(), concurrency, jobs);
    const graphile = await measureGraphileWorker(await cluster.createEmpty(), concurrency, jobs);
    const bullmq = await measureBullmq(await cluster.createEmpty(), concurrency, jobs);
    tellProgress("from an enqueued order to the idle worker");
    const wakesMs = await measureWakes(await cluster.createMigrated(), rounds);
    const claimsMs: Record<string, number> = {};
    for (const depth of depths) {
      tellProgress(`claims with ${depth} orders queued`);
      claimsMs[depth] = percentile(await measureClaims(await cluster.createMigrated(), depth, rounds), 0.95);
    }
    const flatness = Math.max(...Object.values(claimsMs)) / (claimsMs[depths[0] ?? 0] ?? Number.NaN);
    return {
      figures: {
        "a: full lives over HTTP, per second": http.perSecond,
        "a: p50 of a life, ms": percentile(http.latenciesMs, 0.5),
        "a: p95 of a life, ms": percentile(http.latenciesMs, 0.95),
        "b: full lives in process, per second": own.perSecond,
        "b: the same statements bare, per second": own.barePerSecond,
        "b: statements of a life": own.statementsPerLife,
        "beside: bare claim and completion, per second": bare,
        "beside: graphile-worker jobs, per second": graphile,
        "beside: BullMQ jobs on PostgreSQL, per second": bullmq,
        "c: enqueue sent to claim received, p50, ms": percentile(wakesMs, 0.5),
        "c: enqueue sent to claim received, p95, ms": percentile(wakesMs, 0.95),
        ...Object.fromEntries(
          Object.entries(claimsMs).map(([depth, ms]) => [`d: claim p95 with ${depth} queued, ms`, ms]),
        ),
      },
      aims: [
        atLeast("a: full lives over HTTP", http.perSecond, 300, "/s"),
        atLeast("b: share of the bare statements", own.perSecond / own.barePerSecond, 0.6, ""),
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

// How fast the API reads and lists with 1,000 and with 1,000,000 tasks, beside a bare Fastify route on the same machine.
//
// How: `npm run bench:api [-- --json]`. Takes some minutes; --quick proves in seconds that it runs, its figures say little.
import { measureAuthentication } from "./api/authentication.ts";
import { describeSizes } from "./api/describe.ts";
import { measureSizes } from "./api/measure.ts";
import { startCluster } from "./cluster.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { printReport, type Report } from "./report.ts";

const load = { concurrency: 16, warmUpMs: 1_000, durationMs: 4_000 };
const quickLoad = { concurrency: 2, warmUpMs: 0, durationMs: 60 };

async function measure({ isQuick }: BenchOptions): Promise<Report> {
  const cluster = await startCluster();
  try {
    const sizes = isQuick ? [200, 2_000] : [1_000, 1_000_000];
    const options = isQuick ? quickLoad : load;
    const authentication = await measureAuthentication(cluster, options);
    const { aims, figures, table = [] } = describeSizes(await measureSizes(cluster, sizes, options));
    return {
      aims: [...authentication.aims, ...aims],
      figures: { ...authentication.figures, ...figures },
      table: [...authentication.table, ...table],
    };
  } finally {
    await cluster.stop();
  }
}

const options = readOptions(process.argv.slice(2));
printReport("bench:api", await measure(options), options.isJson);

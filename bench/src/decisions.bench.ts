// How fast what agents ask is settled and told, and how fast people see it, beside the least that could do the same on the same machine.
//
// How: `npm run bench:decisions [-- --json]`. Takes a few minutes; --quick proves in seconds that it runs, its figures say little.
import { startCluster } from "./cluster.ts";
import { measureAnswers } from "./decisions/answers.ts";
import { describeCompared, p95AtMost } from "./decisions/describe.ts";
import { measureInbox } from "./decisions/inbox.ts";
import { measureRuleDecisions } from "./decisions/rule-decisions.ts";
import { measureSockets } from "./decisions/sockets.ts";
import { type BenchOptions, readOptions, tellProgress } from "./options.ts";
import { printReport, type Report } from "./report.ts";

const full = {
  load: { warmUpMs: 2_000, durationMs: 8_000 },
  agents: 16,
  answers: 400,
  inbox: { open: 1_000, settled: 20_000 },
  sockets: { sockets: 1_000, processes: 2, rounds: 100 },
};
const quick: typeof full = {
  load: { warmUpMs: 0, durationMs: 60 },
  agents: 2,
  answers: 4,
  inbox: { open: 50, settled: 100 },
  sockets: { sockets: 20, processes: 2, rounds: 3 },
};

async function measure({ isQuick }: BenchOptions): Promise<Report> {
  const { load, agents, answers, inbox, sockets } = isQuick ? quick : full;
  const callerCounts = [1, agents];
  const cluster = await startCluster();
  try {
    tellProgress("decisions that rules alone take");
    const byRule = await measureRuleDecisions(cluster, load, callerCounts);
    tellProgress("answers of people to agents that wait");
    const answered = await measureAnswers(cluster, { agents, rounds: answers });
    tellProgress(`the inbox with ${inbox.open} open requests`);
    const listed = await measureInbox(cluster, inbox, load, callerCounts);
    tellProgress(`messages to ${sockets.sockets} sockets`);
    const told = await measureSockets(cluster, sockets);
    const all = [...byRule, answered, ...listed, ...told];
    return describeCompared(all, [
      p95AtMost(all, "rule-only decision, 1 at a time", 20),
      p95AtMost(all, "rule-only decision of a command line, 1 at a time", 20),
      p95AtMost(all, answered.name, 100),
      p95AtMost(all, "inbox list, 1 at a time", 50),
      p95AtMost(all, `message to the last of ${sockets.sockets} sockets`, 100),
    ]);
  } finally {
    await cluster.stop();
  }
}

const options = readOptions(process.argv.slice(2));
printReport("bench:decisions", await measure(options), options.isJson);

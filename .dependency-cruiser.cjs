// Who may import whom. One graph over every workspace; a captured group ($1) guards a module or driver from the day
// its folder is created. scripts/boundary-canaries.ts proves that each rule still bites.
const apps = "(backend|controller|workers|cli|frontend)";
const testCode = "\\.test\\.ts$|/testing/|^e2e/|^bench/|^packages/testkit/";
const fromNpm = (...names) => `node_modules/(${names.join("|")})(/|$)`;
const rule = (name, comment, from, to) => ({ name, severity: "error", comment, from, to });

const everywhere = [
  rule(
    "no-cycles",
    "Modules that import each other cannot be understood or tested alone.",
    {},
    { circular: true },
  ),
  rule(
    "no-unresolved-imports",
    "An import that cannot be followed escapes every other rule. The launcher imports what it has just built.",
    { pathNot: "^cli/bin/" },
    { couldNotResolve: true },
  ),
  rule(
    "no-tests-in-production-code",
    "Test files and test doubles stay out of what is shipped.",
    { pathNot: testCode },
    { path: "\\.test\\.ts$|/testing/" },
  ),
  rule(
    "testkit-in-tests-only",
    "The testkit starts clusters and kills processes; only tests may hold it.",
    { pathNot: `${testCode}|^scripts/` },
    { path: "^packages/testkit/" },
  ),
];

const workspaces = [
  rule(
    "apps-are-islands",
    "Processes speak HTTP to each other; the cli starts them by path.",
    { path: `^${apps}/` },
    { path: `^${apps}/`, pathNot: "^$1/" },
  ),
  rule("packages-below-apps", "A package knows no app.", { path: "^packages/" }, { path: `^${apps}/` }),
  rule(
    "contracts-need-only-zod",
    "Contracts are shared with the browser and with everybody: zod and nothing else.",
    { path: "^packages/contracts/src/", pathNot: testCode },
    { path: ".", pathNot: `^packages/contracts/|${fromNpm("zod")}` },
  ),
  rule(
    "client-knows-only-contracts",
    "The typed client stands on the contracts alone.",
    { path: "^packages/client/src/", pathNot: testCode },
    { path: "^packages/", pathNot: "^packages/(client|contracts)/" },
  ),
  rule(
    "client-runs-in-browsers",
    "The typed client uses fetch and no module of Node.",
    { path: "^packages/client/src/", pathNot: testCode },
    { dependencyTypes: ["core"] },
  ),
  rule(
    "policy-knows-only-contracts",
    "The policy engine is pure: facts and rules in, a decision out.",
    { path: "^packages/policy/src/", pathNot: testCode },
    { path: "^packages/", pathNot: "^packages/(policy|contracts)/" },
  ),
  rule(
    "policy-decided-in-one-place",
    "The backend decides, the controller looks its rules up, the cli checks them; who asks never decides for itself.",
    { pathNot: `${testCode}|^(backend|controller|cli|packages/policy|scripts)/` },
    { path: "^packages/policy/" },
  ),
  rule(
    "kit-knows-only-contracts",
    "The kit is under every process: it knows the contracts and no other package.",
    { path: "^packages/kit/src/", pathNot: testCode },
    { path: "^packages/", pathNot: "^packages/(kit|contracts)/" },
  ),
  rule(
    "postgres-knows-only-kit",
    "The launcher starts a server; it knows no schema and no protocol of ours.",
    { path: "^packages/postgres/src/", pathNot: testCode },
    { path: "^packages/", pathNot: "^packages/(postgres|kit)/" },
  ),
  rule(
    "postgres-started-by-backend-only",
    "One process owns the cluster: the backend. Tests start their own through the testkit.",
    { pathNot: `${testCode}|^backend/|^packages/postgres/` },
    { path: "^packages/postgres/" },
  ),
  rule(
    "scripted-model-stands-alone",
    "The scripted model is a stand-in for somebody else's server: it may know nothing of ours.",
    { path: "^packages/scripted-model/src/", pathNot: testCode },
    { path: "^packages/", pathNot: "^packages/scripted-model/" },
  ),
  rule(
    "scripted-model-in-demo-and-tests-only",
    "Workers and backend reach a model by its address and cannot tell a scripted one from a real one.",
    { pathNot: `${testCode}|^cli/|^packages/scripted-model/` },
    { path: "^packages/scripted-model/" },
  ),
  rule(
    "only-backend-holds-the-database",
    "Workers and cli go through the HTTP API: one place where state changes, one holder of credentials.",
    { path: "^(controller|workers|cli|frontend|packages)/", pathNot: "^packages/(testkit|postgres)/" },
    { path: fromNpm("drizzle-orm", "pg", "bullmq", "ioredis") },
  ),
];

const backend = [
  rule(
    "module-door",
    "A module is used through its index.ts.",
    { path: "^backend/src/modules/([^/]+)/" },
    { path: "^backend/src/modules/", pathNot: ["^backend/src/modules/$1/", "/modules/[^/]+/index\\.ts$"] },
  ),
  rule(
    "domain-is-pure",
    "A file without a role suffix holds rules, not input or output: it is tested without a database.",
    { path: "^backend/src/modules/[^/]+/(?!index\\.)[a-z0-9-]+\\.ts$" },
    {
      path: [
        "^backend/src/(database|http|queue|realtime)/",
        "^backend/src/modules/[^/]+/[a-z0-9-]+\\.(routes|service|repository)\\.ts$",
        "node_modules/",
      ],
      pathNot: fromNpm("zod"),
    },
  ),
  rule(
    "only-repositories-speak-sql",
    "SQL about a module's tables stands in its repositories.",
    { path: "^backend/src/modules/", pathNot: "\\.repository\\.ts$|\\.test\\.ts$|/testing/" },
    { path: `^backend/src/database/schema|${fromNpm("drizzle-orm", "pg")}` },
  ),
  rule(
    "routes-go-through-services",
    "A route maps HTTP to one call of a service.",
    { path: "\\.routes\\.ts$" },
    { path: "\\.repository\\.ts$" },
  ),
  rule(
    "services-know-no-transport",
    "A service is called by routes, background work and tests alike.",
    { path: "\\.service\\.ts$" },
    { path: `^backend/src/http/|${fromNpm("fastify", "socket\\.io", "bullmq")}` },
  ),
];

const workers = [
  rule(
    "drivers-are-islands",
    "Agent drivers are replaceable one by one.",
    { path: "^workers/src/agents/([^/]+)/" },
    { path: "^workers/src/agents/[^/]+/", pathNot: "^workers/src/agents/($1|testing)/" },
  ),
  rule(
    "relay-holds-nothing",
    "The relay runs beside the agent, as the agent: it can reach the backend by nothing but the executor's socket.",
    { path: "^workers/src/(relay-main\\.ts$|relay/program/)" },
    {
      path: `^packages/(client|kit|model)/|^workers/src/(base|execution|config|workspace)|${fromNpm("ai", "@ai-sdk/[^/]+")}`,
      reachable: true,
    },
  ),
  rule(
    "supervisor-never-loads-model-code",
    "The supervisor starts within a second and holds no model key: model code is loaded by the executor alone.",
    { path: "^workers/src/(base/|main\\.ts$|supervisor)", pathNot: "\\.test\\.ts$|/testing/" },
    { path: fromNpm("ai", "@ai-sdk/[^/]+"), reachable: true },
  ),
];

module.exports = {
  forbidden: [...everywhere, ...workspaces, ...backend, ...workers],
  options: {
    tsConfig: { fileName: "tsconfig.base.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: `^(packages/[^/]+|${apps}|e2e)/dist/` },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@agentvine/source", "import", "node", "default", "types"],
    },
  },
};

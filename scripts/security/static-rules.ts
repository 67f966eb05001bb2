// What the code must not do, as patterns of its syntax. Each rule has code that breaks it and code that does not: the check begins by
// proving that the rule still tells them apart.
import type { NapiConfig } from "@ast-grep/napi";

export interface StaticRule {
  readonly id: string;
  /** What to do instead. */
  readonly remedy: string;
  /** Files it holds for; production code of all processes unless told. */
  readonly files?: RegExp;
  /** What a text must hold for the rule to be worth a look: parsing costs most. */
  readonly hint: RegExp;
  readonly pattern: NapiConfig;
  readonly violations: readonly string[];
  readonly clean: readonly string[];
}

const called = (name: string): NapiConfig["rule"] => ({ has: { field: "function", regex: name } });
/** An argument that is put together at run time. */
const built: NapiConfig["rule"] = {
  any: [
    { kind: "template_string", has: { kind: "template_substitution" } },
    { kind: "binary_expression", has: { field: "operator", regex: "^\\+$" } },
  ],
};
const withBuiltArgument: NapiConfig["rule"] = { has: { field: "arguments", has: built } };
const secretName =
  "(^|[a-z_.#])([tT]oken|[sS]ecret|[sS]ignature|[hH]mac|[pP]assword|[pP]asswordHash|[kK]eyHash|[tT]okenHash|[aA]piKey|[bB]earer)$";
const plain = {
  any: [
    { kind: "undefined" },
    { kind: "null" },
    { kind: "true" },
    { kind: "false" },
    { kind: "number" },
    { kind: "string" },
    { regex: "^undefined$" },
    { kind: "unary_expression" },
  ],
};

export const staticRules: readonly StaticRule[] = [
  {
    id: "no-built-shell-command",
    hint: /exec/,
    remedy: "pass a program and its arguments to spawn or execFile; nothing of it is then read by a shell",
    pattern: {
      rule: {
        kind: "call_expression",
        all: [called("^((child_process|childProcess|cp)\\.)?(exec|execSync|execAsync)$"), withBuiltArgument],
      },
    },
    violations: [
      "execSync(`git clone ${url}`);",
      'child_process.exec("rm -rf " + folder, done);',
      "exec(`ls ${name}`, () => {});",
    ],
    clean: [
      'execFileSync("git", ["clone", "--", url]);',
      'execSync("git --version");',
      "const match = pattern.exec(`${text}\\n`);",
    ],
  },
  {
    id: "no-shell-option",
    hint: /\bshell\b/,
    remedy: "start the program itself; who needs a shell starts one by name, with the line as an argument",
    pattern: {
      rule: {
        kind: "pair",
        all: [
          { has: { field: "key", regex: "^[\"']?shell[\"']?$" } },
          { has: { field: "value", not: { regex: "^false$" }, any: [{ kind: "true" }, { kind: "string" }] } },
        ],
        inside: {
          kind: "call_expression",
          stopBy: "end",
          has: { field: "function", regex: "(spawn|exec|fork)" },
        },
      },
    },
    violations: ["spawn(command, args, { shell: true });", 'execFile(file, { cwd, shell: "/bin/bash" });'],
    clean: [
      "spawn(command, args, { shell: false });",
      "const tool = { shell: true };",
      "spawn(command, args);",
    ],
  },
  {
    id: "no-raw-sql-of-values",
    hint: /sql\.raw|\.query\(/,
    remedy: "give values as parameters: sql`… ${value}`, or $1 and a list",
    pattern: {
      rule: {
        kind: "call_expression",
        any: [
          { all: [called("^sql\\.raw$"), withBuiltArgument] },
          {
            all: [
              called("(^|\\.)(pool|client|database|connection|db)\\.query$"),
              { has: { field: "arguments", has: built } },
            ],
          },
        ],
      },
    },
    violations: [
      "sql.raw(`order by ${column}`);",
      'sql.raw("select " + name);',
      "await pool.query(`delete from tasks where id = '${id}'`);",
    ],
    clean: [
      "sql`select ${value}`;",
      'sql.raw("now()");',
      'await pool.query("select $1", [id]);',
      "page.query(`a${b}`);",
    ],
  },
  {
    id: "no-tls-verification-off",
    hint: /rejectUnauthorized|TLS_REJECT/,
    remedy: "trust the certificate: NODE_EXTRA_CA_CERTS, or a ca option",
    files: /^(?!.*\.test\.ts$)/,
    pattern: {
      rule: {
        any: [
          {
            kind: "pair",
            all: [
              { has: { field: "key", regex: "^[\"']?rejectUnauthorized[\"']?$" } },
              { has: { field: "value", regex: "^false$" } },
            ],
          },
          { kind: "property_identifier", regex: "^NODE_TLS_REJECT_UNAUTHORIZED$" },
          { kind: "string_fragment", regex: "^NODE_TLS_REJECT_UNAUTHORIZED$" },
        ],
      },
    },
    violations: [
      "connect({ host, rejectUnauthorized: false });",
      'process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";',
      'const env = { "rejectUnauthorized": false };',
    ],
    clean: ["connect({ host, ca, rejectUnauthorized: true });", "connect({ host });"],
  },
  {
    id: "no-timing-unsafe-compare",
    hint: /(token|secret|signature|hmac|password|hash|key|bearer)\b/i,
    remedy: "compare secrets with timingSafeEqual over their hashes",
    pattern: {
      rule: {
        kind: "binary_expression",
        all: [
          { has: { field: "operator", regex: "^[=!]==?$" } },
          {
            any: [
              { has: { field: "left", regex: secretName }, not: { has: { field: "right", ...plain } } },
              { has: { field: "right", regex: secretName }, not: { has: { field: "left", ...plain } } },
            ],
          },
        ],
      },
    },
    violations: [
      "if (given === token) allow();",
      "return row.keyHash !== keyHash;",
      "const isFine = signature == expected;",
      "if (local.secret === secret) allow();",
    ],
    clean: [
      "if (token === undefined) refuse();",
      'if (typeof token === "string") use(token);',
      'if (token === "") refuse();',
      "return timingSafeEqual(a, b);",
      "if (kind === other) go();",
    ],
  },
  {
    id: "no-guessable-randomness",
    hint: /Math\.random/,
    remedy: "randomBytes or randomUUID; Math.random is for waiting times alone",
    pattern: {
      rule: {
        any: [
          {
            kind: "variable_declarator",
            all: [
              {
                has: { field: "name", regex: "(?i)(token|secret|key|code|nonce|salt|password|session|link)" },
              },
              { has: { field: "value", has: { pattern: "Math.random()", stopBy: "end" } } },
            ],
          },
          { pattern: "Math.random().toString($$$)" },
        ],
      },
    },
    violations: [
      "const token = Math.random().toString(36);",
      "const resetCode = `${Math.floor(Math.random() * 1e6)}`;",
      "const make = () => Math.random().toString(16).slice(2);",
    ],
    clean: ["const waitMs = Math.random() * 20;", 'const token = randomBytes(32).toString("hex");'],
  },
  {
    id: "no-code-from-text",
    hint: /eval|Function|vm\.|set(Timeout|Interval)\(\s*["'`]/,
    remedy: "parse what is data, call what is code",
    files: /^(?!.*\.test\.ts$)/,
    pattern: {
      rule: {
        any: [
          { kind: "call_expression", all: [called("^(globalThis\\.)?eval$")] },
          { kind: "new_expression", has: { field: "constructor", regex: "^(Async)?Function$" } },
          { kind: "call_expression", all: [called("^Function$")] },
          { kind: "call_expression", all: [called("^vm\\.(runIn\\w+|compileFunction)$")] },
          {
            kind: "call_expression",
            all: [
              called("^set(Timeout|Interval)$"),
              {
                has: {
                  field: "arguments",
                  has: { nthChild: 1, any: [{ kind: "string" }, { kind: "template_string" }] },
                },
              },
            ],
          },
        ],
      },
    },
    violations: [
      "eval(text);",
      'const f = new Function("a", text);',
      "vm.runInNewContext(text);",
      'setTimeout("go()", 5);',
    ],
    clean: ["JSON.parse(text);", "setTimeout(go, 5);", "const f = (a: number) => a;"],
  },
  {
    id: "no-html-from-text",
    hint: /HTML|document\.write/,
    remedy: "set textContent, or let the framework draw it",
    files: /^(?!.*\.test\.tsx?$)/,
    pattern: {
      rule: {
        any: [
          {
            kind: "assignment_expression",
            has: { field: "left", regex: "\\.(innerHTML|outerHTML)$" },
          },
          { kind: "call_expression", all: [called("(\\.insertAdjacentHTML|^document\\.write(ln)?)$")] },
          { kind: "property_identifier", regex: "^dangerouslySetInnerHTML$" },
        ],
      },
    },
    violations: [
      "node.innerHTML = text;",
      'node.insertAdjacentHTML("beforeend", text);',
      "document.write(text);",
      "<p dangerouslySetInnerHTML={{ __html: text }} />;",
    ],
    clean: ["node.textContent = text;", "const { innerHTML } = node;", "<p>{text}</p>;"],
  },
  {
    id: "no-console-in-servers",
    hint: /console\./,
    remedy: "use the logger: it takes secrets out",
    files:
      /^(backend|workers|controller|packages\/(kit|client|policy|model|contracts))\/src\/(?!.*(\.test\.ts$|\/testing\/))/,
    pattern: { rule: { kind: "call_expression", all: [called("^console\\.\\w+$")] } },
    violations: ['console.log("x");', "console.error(error);"],
    clean: ['logger.info("x");', "consoles.log(1);"],
  },
  {
    id: "no-weak-hash",
    hint: /createH(ash|mac)/,
    remedy: "sha256 or better",
    pattern: {
      rule: {
        kind: "call_expression",
        all: [
          called("^(createHash|createHmac|crypto\\.createHash|crypto\\.createHmac)$"),
          {
            has: {
              field: "arguments",
              has: { kind: "string", regex: "^[\"'](md4|md5|sha1|sha-1|ripemd160)[\"']$" },
            },
          },
        ],
      },
    },
    violations: ['createHash("md5").update(text);', 'createHmac("sha1", key);'],
    clean: ['createHash("sha256").update(text);'],
  },
];

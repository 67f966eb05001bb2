// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expansions of the shell, not of templates
import { describe, expect, test } from "vitest";
import { decide } from "../decide.ts";
import { ruleSetOf, someFacts } from "../testing/facts.ts";

const commands = [
  "npm test",
  "npm run *",
  "git status",
  "git log *",
  "git diff *",
  "echo *",
  "ls *",
  "cat *",
  "grep *",
  "find *",
  "wc *",
  "head *",
  "node --test *",
  "npx vitest *",
  "sort *",
  "bash scripts/* *",
  "true",
  "cd *",
  "API_URL=* npm test",
];
const listed = ruleSetOf({ id: "listed", effect: "allow", commands });
const withOutput = ruleSetOf({ id: "listed", effect: "allow", commands, paths: ["out/**"] });
const decided = (command: string, rules = listed) => decide(someFacts({ tool: { command } }), rules).kind;

const smuggled: Record<string, string[]> = {
  "a second command": [
    "npm test && evil",
    "npm test; evil",
    "npm test || evil",
    "npm test | evil",
    "npm test |& evil",
    "npm test & evil",
    "npm test\nevil",
    "npm test # harmless\nevil",
    "npm test \\\n; evil",
    "! evil",
    "(evil)",
    "{ evil; }",
    "if evil; then ls; fi",
    "while evil; do ls; done",
    "for f in a; do evil; done",
    "case a in a) evil;; esac",
    "ls && { npm test; (evil); }",
    "time evil",
  ],
  "a substitution": [
    "echo $(evil)",
    "echo `evil`",
    'echo "$(evil)"',
    'echo "a`evil`"',
    "echo ${x:-$(evil)}",
    "echo ${x/$(evil)/y}",
    "echo ${x:$(evil)}",
    "ls <(evil)",
    "ls > >(evil)",
    "echo $((`evil`))",
    "echo $((a[$(evil)]))",
    "cat <<EOF\n$(evil)\nEOF",
    "cat <<< $(evil)",
    "x=$(evil)",
    "a[$(evil)]=1",
    "echo ${a[$(evil)]}",
    "[[ -n $(evil) ]] && ls",
    "case $(evil) in *) ls;; esac",
    "for f in $(evil); do ls; done",
    "echo $(echo $(echo $(evil)))",
    "echo `echo \\`evil\\``",
  ],
  "text that the shell counts or expands": [
    "x='a[$(evil)]'; echo $((x))",
    "x='a[$(evil)]'; [[ $x -eq 1 ]]",
    "x='$(evil)'; echo ${x@P}",
    "x='a[$(evil)]'; echo ${!x}",
    "(( a[$(evil)] ))",
    "((evil) )",
    "test -v 'a[$(evil)]'",
    "echo $'\\'; evil #'",
    "echo @(evil)",
  ],
  "a redirection": [
    "echo x > ~/.bashrc",
    "echo x >> /etc/profile",
    "echo x >| file",
    "echo x &> file",
    "echo x >& file",
    "echo x 2> file",
    "> file",
    "echo x > $HOME/.bashrc",
    "cat < /etc/shadow",
    "echo x <> file",
    "exec > file",
    "{ echo x; } > file",
    "(ls) > file",
    "cat < /dev/tcp/evil.example/80",
    "if true; then echo x; fi > file",
    "ls {fd}> file",
  ],
  "a wrapper": [
    "env evil",
    "env A=1 evil",
    "env -S 'evil now' ls",
    "sudo npm test",
    "sudo evil",
    "nohup evil",
    "timeout 5 evil",
    "timeout -k 5 5 evil",
    "nice -n 5 evil",
    "command evil",
    "exec evil",
    "builtin eval evil",
    "eval evil",
    "eval 'npm test; evil'",
    "eval $X",
    "sh -c evil",
    "bash -c 'npm test; evil'",
    'bash -c "npm test; $(evil)"',
    "bash -ec 'evil'",
    "bash -c $X",
    "bash -lic evil",
    "bash --rcfile evil -i",
    "sh -c \"sh -c 'sh -c evil'\"",
    "zsh -c 'evil'",
    "ls | xargs evil",
    "ls | xargs -I{} evil {}",
    "ls | xargs -I{} sh -c {}",
    "find . -exec evil {} \\;",
    "find . -execdir evil {} +",
    "find . -exec sh -c evil \\;",
    "find . -ok evil \\;",
    "find . -delete",
    "find . -fprintf /etc/x a",
    "setsid evil",
    "stdbuf -o0 evil",
    "coproc evil",
    "trap evil EXIT",
    "parallel evil ::: a",
    "watch evil",
  ],
  "a shell that is fed": [
    "echo evil | sh",
    "echo evil | bash -s",
    "bash <<EOF\nevil\nEOF",
    "bash <<< evil",
    "bash < script",
    "bash <(echo evil)",
    "bash /dev/stdin",
    "cat x | python3",
    "cat x | node",
    "cat x | node -",
    "bash scripts/../../evil",
    "source evil",
    ". ./evil",
  ],
  "what names mean": [
    "alias git=evil; git status",
    "git() { evil; }; git status",
    "function ls { evil; }; ls",
    "hash -p /tmp/evil git; git status",
    "enable -f ./evil.so ls",
    "$X",
    "$(echo evil)",
    "${X:-evil}",
    "'$X' && ./git status",
    "/tmp/git status",
    "./npm test",
    "~/bin/ls",
    "e'v'il",
    "\\evil",
    "np\\\nm tes\\\nt-evil",
    "{npm,test}",
    "l? /",
    "shopt -s expand_aliases",
    "set -- evil; $1",
    "read PATH; ls",
    "printf -v PATH /tmp; ls",
    "export PATH=/tmp; ls",
    "declare -x PATH=/tmp; ls",
    "for PATH in /tmp; do ls; done",
    ": ${PATH:=/tmp}; ls",
    "unset PATH",
  ],
  variables: [
    "PATH=/tmp npm test",
    "PATH=/tmp; npm test",
    "PATH+=:/tmp npm test",
    "LD_PRELOAD=./evil.so ls",
    "NODE_OPTIONS='--require ./evil' npm test",
    "GIT_SSH_COMMAND=evil git status",
    "GIT_EXTERNAL_DIFF=evil git diff",
    "BASH_ENV=evil bash scripts/test.sh",
    "npm_config_script_shell=evil npm test",
    "PAGER=evil git log",
    "IFS=x ls",
    "FOO=1 npm test",
    "env PATH=/tmp npm test",
    "env NODE_OPTIONS=--require=./evil npm test",
    "CI=1 PATH=/tmp npm test",
    "API_URL=$(evil) npm test",
    "API_URL=x PATH=/tmp npm test",
  ],
  "arguments that run or write": [
    "git log --output=/etc/passwd",
    "git log --outpu=/etc/passwd",
    "git diff --ext-diff",
    "git -c core.pager=evil log",
    "git -c core.fsmonitor=evil status",
    "sort --compress-program=evil x",
    "sort -o /etc/passwd x",
    "node --test --require ./evil",
    "node --test -r ./evil",
    "node -e evil",
    "npx evil",
    "npx -p evil vitest",
    "npx vitest -c 'evil'",
    "npm exec evil",
    "npm run x --script-shell=evil",
    "npm x evil",
    "npm test --node-options=--require=./evil",
    "git log $X",
    "sort *",
    "ls | xargs git log",
  ],
  "what can't be read": [
    "npm test 'unfinished",
    'npm test "unfinished',
    "npm test $(unfinished",
    "npm test )",
    "npm test &&",
    "cat <<EOF\nno end",
    "",
    "   ",
    "# only a comment",
    "npm\u00a0test",
    "npm test\u202e",
    "npm test\r",
    `echo ${"a".repeat(20_000)}`,
    `${"echo $(".repeat(15)}ls${")".repeat(15)}`,
    `${"(".repeat(3_000)}ls${")".repeat(3_000)}`,
    Array.from({ length: 300 }, () => "ls").join(";"),
  ],
};

describe("a command that is not listed gets past no allowance", () => {
  for (const [way, lines] of Object.entries(smuggled)) {
    test.each(lines.map((line) => [line.length > 80 ? `${line.slice(0, 60)}…` : line, line]))(
      `${way}: %s`,
      (_name, line) => {
        expect(decided(line)).toBe("human");
        expect(decided(line, withOutput)).toBe("human");
      },
    );
  }
});

test("a redirection is let through only where the rule's paths say so", () => {
  expect(decided("echo x > out/report.txt")).toBe("human");
  expect(decided("echo x > out/report.txt", withOutput)).toBe("allow");
  expect(decided("echo x > out/../.npmrc", withOutput)).toBe("human");
  expect(decided("echo x > /out/report.txt", withOutput)).toBe("human");
  expect(decided("cd / && echo x > out/report.txt", withOutput)).toBe("human");
  expect(decided("echo x > out/$name", withOutput)).toBe("human");
  expect(decided("bash -c 'echo x > ../y' > out/a", withOutput)).toBe("human");
});

const harmless = [
  "npm test",
  "  npm   test  ",
  "npm test # run them",
  "'npm' \"test\"",
  "npm \\\n test",
  "git status && npm test",
  "git status; npm test",
  "npm test || true",
  "npm test &",
  "ls -la | grep foo | wc -l",
  "ls 2>&1",
  "ls > /dev/null 2>&1",
  "npm test 2>/dev/null",
  "ls 2>&-",
  "echo hello world",
  "echo 'a; b && c | d > e $(f) `g`'",
  'echo "it costs \\$(5)"',
  "echo a\\;b",
  'echo "$HOME"',
  "echo $HOME ${x:-y} ${x%.ts}",
  "echo $((1 + 2))",
  "echo $(git status)",
  "echo `ls`",
  "echo {a,b}",
  "ls src/*.ts",
  "ls ~/",
  "cat <<EOF\nhello $USER\nEOF",
  "cat <<'EOF'\n$(evil)\nEOF",
  "cat <<< hello",
  "(cd src && ls)",
  "{ ls; npm test; }",
  "if git status; then echo yes; else echo no; fi",
  "for f in a b c; do echo $f; done",
  "while true; do ls; done",
  "case x in a) ls;; *) echo b;; esac",
  "[[ -f package.json && ! -d x ]] && ls",
  "n=1; echo $n",
  "CI=1 npm test",
  "NODE_ENV=test CI=true npm test",
  "API_URL=http://localhost npm test",
  "env CI=1 npm test",
  "timeout 60 npm test",
  "timeout -k 5s 60s npm test",
  "time npm test",
  "nice -n 10 npm test",
  "nohup npm test",
  "command ls",
  "bash -c 'npm test && ls'",
  'sh -c "git status"',
  "eval 'npm test'",
  "find . -name '*.ts'",
  "find . -name '*.ts' -exec grep foo {} +",
  "find . -type f -exec cat {} \\;",
  "ls | xargs",
  "ls | xargs -n 1 grep foo",
  "ls | xargs -I{} cat {}",
  "bash scripts/test.sh --fast",
  "git log --oneline -5",
  "git diff --stat HEAD~1",
  "git diff src/*.ts",
  "node --test src/a.test.js",
  "npx vitest run src",
  "npm run build -- --watch",
];

test.each(harmless)("what is listed is allowed in whatever way it is written: %s", (line) => {
  expect(decide(someFacts({ tool: { command: line } }), listed)).toMatchObject({
    kind: "allow",
    ruleId: "listed",
  });
});

test("the tables are as long as they promise", () => {
  expect(Object.values(smuggled).flat().length).toBeGreaterThanOrEqual(60);
  expect(harmless.length).toBeGreaterThanOrEqual(40);
});

test("the person is told why a rule could not judge the line", () => {
  const { reason } = decide(someFacts({ tool: { command: "$X" } }), listed);
  expect(reason).toContain("the name of a command is not known before it runs");
});

describe("a denial finds a command wherever it hides", () => {
  const denying = ruleSetOf(
    { id: "no-push", effect: "deny", commands: ["git push", "sudo *", "rm -rf *"] },
    { id: "anything", effect: "allow", toolClasses: ["command"] },
  );
  test.each([
    "git push",
    "git push origin main",
    "git -C repo push --force",
    "/usr/bin/git push",
    "ls && git push",
    "echo $(git push)",
    "timeout 5 git push",
    "bash -c 'git push'",
    "sudo ls",
    "ls | xargs rm -rf",
    "find . -exec rm -rf {} +",
    "git $X",
    "GIT push",
  ])("%s", (line) => {
    expect(decided(line, denying)).toBe("deny");
  });

  test.each(["$X", "eval $X", "git() { ls; }; git status", "echo 'unfinished", "echo x | sh"])(
    "and where it can't be told, a person decides: %s",
    (line) => {
      expect(decided(line, denying)).toBe("human");
    },
  );

  test.each(["ls", "git status", "git log", "npm test"])("what it does not speak of goes on: %s", (line) => {
    expect(decided(line, denying)).toBe("allow");
  });
});

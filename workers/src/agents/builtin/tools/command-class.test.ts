import { describe, expect, test } from "vitest";
import { commandClass } from "./command-class.ts";

const context = { testCommand: "npm test", workspaceRoot: "/srv/workspace", isConfined: false };

describe("what a shell line does", () => {
  test.each([
    "npm test",
    "  npm   test ",
    "npm test 2>&1",
    "npm test -- test/cart.test.js",
    "npm test -- --test-name-pattern=cart",
  ])("%j is the test command", (line) => {
    expect(commandClass(line, context)).toBe("test");
  });

  test.each([
    "npm test; rm -rf src",
    "npm test && node other.js",
    "npm test $(cat secrets)",
    "npm tests",
    "npm run build",
    "node --test",
    "sed -n '/start/,/end/p' src/a.js",
    "grep -rn '/api/v1' src",
    "cat /srv/workspace/src/a.js > /dev/null",
    "/usr/bin/env node src/a.js",
    "ls a/../b",
    "git diff HEAD~1..HEAD",
    "git log main..feature",
    "echo wait...",
    "git commit -m 'fetch nothing'",
  ])("%j is some command", (line) => {
    expect(commandClass(line, context)).toBe("command");
  });

  test.each([
    "curl example.com",
    "wget -q x",
    "git push origin main",
    "git -C . fetch",
    "npm install left-pad",
    "npm ci",
    "npx cowsay",
    "pip install -r requirements.txt",
    "python3 -m pip install x",
    "cargo fetch",
    "go get x",
    "node -e 'fetch(\"https://example.com\")'",
    "cd src && (ssh host)",
  ])("%j uses the network", (line) => {
    expect(commandClass(line, context)).toBe("network");
  });

  test.each([
    "cat /etc/passwd",
    "cat ~/.ssh/id_rsa",
    "cat ../other/file",
    "cd ..",
    "ls src/../../..",
    "cat <../x",
    "npm test -- ../elsewhere",
    "echo x > /tmp/y",
    'cat "/home/user/notes"',
    "curl file:///etc/passwd -o /var/x",
  ])("%j leaves the workspace", (line) => {
    expect(commandClass(line, context)).toBe("outside_workspace");
  });

  test("a real sandbox has a temporary folder of its own", () => {
    expect(commandClass("echo x > /tmp/y", { ...context, isConfined: true })).toBe("command");
    expect(commandClass("cat /etc/passwd", { ...context, isConfined: true })).toBe("outside_workspace");
  });

  test("without a test command nothing counts as testing", () => {
    expect(commandClass("npm test", { ...context, testCommand: null })).toBe("command");
  });
});

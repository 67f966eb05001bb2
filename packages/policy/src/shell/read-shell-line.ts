import { type Command, forEachChild, parse, type Redirect, type SyntaxNode } from "unbash";
import {
  NotUnderstood,
  type ReadLine,
  type RedirectedFile,
  type ShellLine,
  type SimpleCommand,
} from "./shell-line.ts";
import { refusalOf, variableReason } from "./syntax-checks.ts";
import { unwrap } from "./unwrap.ts";
import { shellWord } from "./words.ts";

const charactersMax = 20_000;
const nestingMax = 10;
const commandsMax = 200;
/** Characters that people do not see, or take for something else than the shell does. */
const deceptive =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]/;
const standardStreams = new Set(["/dev/null", "/dev/stdout", "/dev/stderr"]);

class Reader {
  readonly commands: SimpleCommand[] = [];
  readonly wrappers: SimpleCommand[] = [];
  readonly files: RedirectedFile[] = [];
  changesFolder = false;
  #nesting = 0;

  /** Reads a whole script, at the top or within another. */
  script(text: string): void {
    if (text.length > charactersMax) {
      throw new NotUnderstood(`it is longer than ${charactersMax} characters`);
    }
    const hidden = deceptive.exec(text);
    if (hidden !== null) {
      throw new NotUnderstood("it holds characters that can't be seen");
    }
    this.#node(parse(text));
  }

  #nested(read: () => void): void {
    this.#nesting += 1;
    if (this.#nesting > nestingMax) {
      throw new NotUnderstood("commands are nested too deep");
    }
    read();
    this.#nesting -= 1;
  }

  #children(node: SyntaxNode): void {
    forEachChild(node, (child) => this.#node(child));
  }

  #node(node: SyntaxNode): void {
    const reason = refusalOf(node);
    if (reason !== undefined) {
      throw new NotUnderstood(reason);
    }
    if (node.type === "Script") {
      this.#nested(() => this.#children(node));
    } else if (node.type !== "ArithmeticExpansion") {
      this.#children(node);
    }
    if (node.type === "Command") {
      this.#command(node);
    } else if (node.type === "Redirect") {
      this.#redirect(node);
    }
  }

  #redirect(node: Redirect): void {
    const path = node.target === undefined ? null : shellWord(node.target).value;
    const isDuplicate = node.operator.endsWith("&") && path !== null && /^(\d{1,3}-?|-)$/.test(path);
    if (isDuplicate || (path !== null && standardStreams.has(path))) {
      return;
    }
    if (path !== null && /^\/dev\/(tcp|udp)\//.test(path)) {
      throw new NotUnderstood("a redirection opens a connection");
    }
    this.files.push({ path, isWritten: node.operator !== "<" });
  }

  #command(node: Command): void {
    const words = node.args.filter((one) => one.type === "Word").map(shellWord);
    const assigned = node.prefix.filter((one) => one.type === "Assignment").map(({ name }) => name);
    if (node.name === undefined) {
      for (const name of assigned) {
        const reason = variableReason(name);
        if (reason !== undefined) {
          throw new NotUnderstood(reason);
        }
      }
      return;
    }
    if (node.args.some((one) => one.type === "Assignment")) {
      throw new NotUnderstood(`${node.name.text} changes variables that other commands read`);
    }
    this.#run({ words: [shellWord(node.name), ...words], variables: assigned });
  }

  #run(command: SimpleCommand): void {
    const inner = unwrap(command);
    if (inner.isFolderChanged) {
      this.changesFolder = true;
    }
    (inner.isWrapper ? this.wrappers : this.commands).push(command);
    if (this.commands.length + this.wrappers.length > commandsMax) {
      throw new NotUnderstood(`it runs more than ${commandsMax} commands`);
    }
    for (const next of inner.commands) {
      this.#nested(() => this.#run(next));
    }
    for (const text of inner.scripts) {
      this.script(text);
    }
  }
}

/** Reads a shell line as bash and sh both would, into everything it runs and every file it redirects. */
export function readShellLine(text: string): ReadLine {
  const reader = new Reader();
  try {
    reader.script(text);
  } catch (error) {
    if (error instanceof NotUnderstood) {
      return { isUnderstood: false, reason: error.message };
    }
    // The parser gave up on it, or it is nested beyond the stack: either way nobody knows what it does.
    return { isUnderstood: false, reason: "it can't be read" };
  }
  const { commands, wrappers, files, changesFolder } = reader;
  const line: ShellLine = { commands, wrappers, files, changesFolder };
  return { isUnderstood: true, line };
}

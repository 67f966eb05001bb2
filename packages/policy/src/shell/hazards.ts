// Arguments that make well-known programs run or overwrite something else. A `*` of a rule never takes them: who wants them spells
// them out. The table is a second line behind "allow only what you mean", and never complete.
import { programOf, type ShellWord } from "./shell-line.ts";

interface Hazards {
  /** Long options without their dashes; abbreviations and `=value` count. */
  readonly long?: readonly string[];
  /** Letters of short options, also within a cluster (`-xo`). */
  readonly short?: string;
  /** Whole words; `word=value` counts. */
  readonly words?: readonly string[];
  /** True when any argument may be code. */
  readonly isCode?: boolean;
}

const list = (text: string): string[] => text.split(" ");

const git: Hazards = {
  long: list(
    "output ext-diff exec exec-path upload-pack receive-pack open-files-in-pager config-env git-dir work-tree template config no-index",
  ),
  short: "cCOux",
  words: list(
    "config bisect submodule filter-branch difftool mergetool hook instaweb daemon credential remote-ext send-email p4 svn cvsserver",
  ),
};
const scripts: Hazards = {
  long: list(
    "eval print require import loader experimental-loader env-file execute run init-command command",
  ),
  short: "ceEprRIiSM",
};
const packages: Hazards = {
  long: list(
    "script-shell node-options shell userconfig globalconfig prefix editor call git package shell-auto-fallback cwd dir use-yarnrc",
  ),
  short: "Cc",
  words: list(
    "exec x dlx explore config set c create init innit node edit pkg run-script-shell link plugin env",
  ),
};
const code: Hazards = { isCode: true };

const table: Readonly<Record<string, Hazards>> = {
  git,
  find: { words: list("-delete -fprint -fprint0 -fprintf -fls -files0-from") },
  tar: {
    long: list(
      "to-command checkpoint-action use-compress-program rsh-command info-script new-volume-script absolute-names",
    ),
    short: "IFP",
  },
  sort: { long: list("output compress-program"), short: "o" },
  rg: { long: list("pre hostname-bin") },
  tree: { short: "o" },
  diff: { long: list("output") },
  curl: {
    long: list("output config remote-name output-dir dump-header cookie-jar trace upload-file"),
    short: "oOKDcT",
  },
  wget: { long: list("output-document use-askpass execute input-file"), short: "Oei" },
  rsync: { long: list("rsh rsync-path"), short: "e" },
  make: { long: list("eval file makefile directory include-dir"), short: "fCIE" },
  go: {
    words: list(
      "run generate tool env -exec --exec -toolexec --toolexec -vettool --vettool -overlay --overlay -modfile --modfile",
    ),
  },
  cargo: { long: list("config"), words: list("run config install") },
  pytest: { long: list("rootdir confcutdir override-ini config-file"), short: "pco" },
  man: { long: list("pager html"), short: "PH" },
  zip: { long: list("unzip-command"), short: "T" },
  sed: code,
  awk: code,
  gawk: code,
  mawk: code,
  nawk: code,
  jq: { long: list("from-file"), short: "fL" },
  npm: packages,
  pnpm: packages,
  yarn: packages,
  npx: { long: list("call package shell script-shell node-options"), short: "cp" },
  pnpx: { long: list("call package"), short: "cp" },
  bunx: { long: list("package"), short: "p" },
  uvx: { long: list("from with") },
  node: scripts,
  nodejs: scripts,
  deno: scripts,
  bun: { ...scripts, words: packages.words ?? [] },
  python: scripts,
  python2: scripts,
  python3: scripts,
  perl: scripts,
  ruby: scripts,
  php: scripts,
  lua: scripts,
  psql: scripts,
  sqlite3: scripts,
  mysql: scripts,
};

/** Programs that run whatever they are given, on this machine or elsewhere: a rule names the whole command or none. */
const launchers = new Set(
  list(
    "sudo doas su pkexec runuser setpriv chroot unshare nsenter ssh docker podman kubectl busybox toybox parallel watch strace ltrace gdb " +
      "script flock entr expect screen tmux socat nc ncat netcat at batch crontab systemd-run vi vim nvim ex view emacs ed less more " +
      "osascript xdg-open open ionice taskset chrt firejail bwrap proot fakeroot run-parts start-stop-daemon",
  ),
);
/** Programs whose first argument says what is run. */
const firstArgumentRuns = new Set(list("npx pnpx bunx uvx"));

/** How many words a pattern for this program must spell out before a `*` may follow. */
export function spelledWords(name: string): number {
  return isLauncher(name) ? Number.POSITIVE_INFINITY : firstArgumentRuns.has(programOf(name)) ? 2 : 1;
}

/** Whether the program runs whatever it is given. */
export const isLauncher = (name: string): boolean => launchers.has(programOf(name));

const isLongHazard = (value: string, long: readonly string[]): boolean => {
  const option = value.slice(2).split("=", 1)[0] ?? "";
  return option.length > 0 && long.some((hazard) => hazard.startsWith(option));
};

function isHazard(value: string, { long, short, words, isCode }: Hazards): boolean {
  if (isCode === true || words?.includes(value.split("=", 1)[0] ?? "") === true || /^ext::/.test(value)) {
    return true;
  }
  if (value.startsWith("--") && value !== "--") {
    return isLongHazard(value, long ?? []);
  }
  const letters = /^-([A-Za-z0-9]+)/.exec(value)?.[1] ?? "";
  return [...letters].some((letter) => short?.includes(letter) === true);
}

/** Whether a `*` of a rule may stand for this argument of the program. */
export function mayBeAnything(name: string, word: ShellWord): boolean {
  const program = programOf(name);
  const hazards = Object.hasOwn(table, program) ? table[program] : undefined;
  if (hazards === undefined) {
    return true;
  }
  if (word.value !== null) {
    return !isHazard(word.value, hazards);
  }
  // What it becomes is not known, but an option it can't be, and no word of the table either.
  return hazards.isCode !== true && !word.canSplit && /^[^-].*\//.test(word.prefix);
}

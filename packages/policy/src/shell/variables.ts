// Which variables a command may be given without its rule naming them. A list of what is harmless: the list of what is not (PATH,
// LD_PRELOAD, NODE_OPTIONS, GIT_SSH_COMMAND, PYTHONSTARTUP, npm_config_script_shell, …) is never complete.
const harmless = new Set([
  "CI",
  "COLUMNS",
  "DEBUG",
  "FORCE_COLOR",
  "LANG",
  "LC_ALL",
  "LINES",
  "NODE_ENV",
  "NO_COLOR",
  "TZ",
  "VERBOSE",
]);

const dangerous = new Set([
  "BASHOPTS",
  "BASH_ENV",
  "BROWSER",
  "CDPATH",
  "CLASSPATH",
  "EDITOR",
  "ENV",
  "GLOBIGNORE",
  "HOME",
  "IFS",
  "JAVA_TOOL_OPTIONS",
  "LESSOPEN",
  "MAKEFLAGS",
  "MANPAGER",
  "NODE_OPTIONS",
  "NODE_PATH",
  "PAGER",
  "PATH",
  "PERL5DB",
  "PERL5LIB",
  "PERL5OPT",
  "PROMPT_COMMAND",
  "PS4",
  "RUBYLIB",
  "RUBYOPT",
  "SHELL",
  "SHELLOPTS",
  "VISUAL",
  "_JAVA_OPTIONS",
]);
const dangerousBeginnings =
  /^(LD_|DYLD_|GIT_|PYTHON|npm_config_|NPM_CONFIG_|BASH_|SSH_|XDG_|CARGO_|RUSTC|GO[A-Z])/;

/** A variable that changes how programs say what they do, and nothing of what they do. */
export const isHarmlessVariable = (name: string): boolean => harmless.has(name);

/** A variable that makes programs run or load something else. No rule may let it pass. */
export const isDangerousVariable = (name: string): boolean =>
  dangerous.has(name) || dangerousBeginnings.test(name);

/** A name that is used within a shell line and which no program reads from its environment. */
export const isLocalVariable = (name: string): boolean => /^[a-z][a-z0-9]{0,30}$/.test(name);

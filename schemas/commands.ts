/**
 * The commands of `overmind`: names, operands, flags, help and examples. The one source: the command line is parsed by
 * it, `--help` and docs/cli.md are rendered from it. Names and flags are a contract with scripts: only add.
 * No zod here: the command line loads it at each start.
 */

export interface Flag {
  readonly short?: string;
  /** What its value is called in the help; a flag without one takes no value. */
  readonly value?: string;
  readonly repeat?: true;
  readonly help: string;
}

export interface Command {
  readonly group: "sessions" | "overmind";
  readonly summary: string;
  /** As the usage line shows them. */
  readonly operands?: string;
  readonly least: number;
  readonly most: number;
  /** As the usage line shows what follows `--`; without it nothing may follow. */
  readonly rest?: string;
  readonly flags: Readonly<Record<string, Flag>>;
  readonly notes?: readonly string[];
  readonly examples: readonly (readonly [line: string, why: string])[];
  /** Passes on the session's exit code; its own failures are 124 to 127. */
  readonly passesOnExitCode?: true;
}

const MANY = Number.POSITIVE_INFINITY;

const json = { help: "print JSON; its schema is in schemas/json" } as const satisfies Flag;
const selector = {
  short: "l",
  value: "SEL",
  help: "sessions with these labels: k=v, k!=v, k, !k, joined by commas",
} as const satisfies Flag;
const every = { short: "a", help: "all sessions" } as const satisfies Flag;
const colony = { value: "C", help: "sessions of this colony alone" } as const satisfies Flag;
const grace = { value: "D", help: "time between SIGTERM and SIGKILL, as in 500ms, 10s, 5m" } as const satisfies Flag;
const user = { help: "the user's settings file" } as const satisfies Flag;

const DURATIONS = "Durations are written 500ms, 10s, 5m, 2h; a bare number is seconds.";
const NAMES =
  "SESSION is a name, an id or an unambiguous prefix of one. A name means its living session, else its latest.";

const sessionCommands = {
  run: {
    group: "sessions",
    summary: "start a command or agent as a session, in a worktree of its own",
    operands: "[NAME-OF-AGENT]",
    least: 0,
    most: 1,
    rest: "ARGV...",
    flags: {
      agent: { value: "NAME|CMD", help: "an agent definition's name, or a command line" },
      project: { value: "PATH", help: "a folder in the project; the present one when absent" },
      name: { value: "N", help: "the session's name; adjective-noun when absent" },
      scratch: { help: "work in a fresh repository of its own, not in a project" },
      "with-changes": { help: "carry staged, unstaged and untracked changes of the checkout over" },
      env: { value: "K=V", repeat: true, help: "set a variable for the session; K alone takes the present value" },
      "env-file": { value: "F", repeat: true, help: "variables from a dotenv file; --env wins over it" },
      label: { value: "K=V", repeat: true, help: "a label to select the session by" },
      colony: { value: "C", help: "the group of work it belongs to" },
      grace: { value: "D", help: "time between SIGTERM and SIGKILL when it is stopped" },
      "keep-children": { help: "let processes that it leaves behind live on" },
      rm: { help: "remove the session once it has ended, if no work would be lost" },
      detach: { short: "d", help: "return at once; the default" },
      attach: { help: "bridge this terminal to the session; Ctrl-P Ctrl-Q detaches" },
      json,
    },
    notes: [
      "Prints the session's name. An agent or command line is split into words as a shell would, without a shell; what follows -- is taken word by word, and is never a definition.",
      "The session works in a git worktree of HEAD, on a branch of its own. Uncommitted changes stay in the checkout unless --with-changes carries them over.",
      DURATIONS,
    ],
    examples: [
      ["overmind run -- claude", "an interactive agent, in the background"],
      ["overmind run --name tests 'npm test'", "a command line, split without a shell"],
      ["overmind run --attach --rm -- npm test", "watch it, and leave with its exit code"],
      ["overmind run --scratch -- sh -c 'date > now.txt'", "outside any project"],
    ],
    passesOnExitCode: true,
  },
  ps: {
    group: "sessions",
    summary: "list sessions: the living, the crashed and the lost",
    least: 0,
    most: 0,
    flags: {
      all: { short: "a", help: "the completed and the stopped too" },
      tree: { help: "children under the session that started them" },
      output: {
        short: "o",
        value: "wide",
        help: "wide: pid, attempt, branch, CPU, memory, processes, exit and reason too",
      },
      selector,
      colony,
      json,
      watch: { help: "show the list anew with each change, until Ctrl-C" },
    },
    examples: [
      ["overmind ps", "what lives, and what needs a look"],
      ["overmind ps -a -l team=web -o wide", "all of a team, with resources and reasons"],
    ],
  },
  logs: {
    group: "sessions",
    summary: "show the output of a session, or of all",
    operands: "[SESSION]",
    least: 0,
    most: 1,
    flags: {
      follow: { short: "f", help: "go on until the session has ended; on a terminal the default while it lives" },
      "no-follow": { help: "stop at the present end" },
      lines: { short: "n", value: "N", help: "the last N lines" },
      since: { value: "T", help: "from T on: a duration ago, or a time such as 2026-01-31T12:00:00Z" },
      grep: { value: "RE", help: "lines that match this regular expression (JavaScript's)" },
      timestamps: { help: "each line's time before it" },
      raw: { help: "keep escape sequences and carriage returns; no markers" },
      json,
    },
    notes: [
      "Plain by default: escape sequences are left out, of an overwritten line (a progress bar) the last state counts, and changes of state stand in their place as `-- overmind: ...`.",
      "Without SESSION each line begins with its session's name. Ctrl-C ends the command, never the session.",
      "--json prints one object a line of output or change of state; with --raw one a record, its bytes in base64.",
      NAMES,
    ],
    examples: [
      ["overmind logs -f", "all sessions as they write"],
      ["overmind logs tests -n 50", "the last 50 lines"],
      ["overmind logs tests --since 10m --grep 'fail|error'", "what went wrong lately"],
    ],
  },
  stop: {
    group: "sessions",
    summary: "end sessions: SIGTERM to the whole tree, SIGKILL after the grace",
    operands: "[SESSION...]",
    least: 0,
    most: MANY,
    flags: { all: every, selector, grace, json },
    notes: ["Returns once they have ended, and says which processes it ended.", NAMES, DURATIONS],
    examples: [
      ["overmind stop calm-otter", ""],
      ["overmind stop --all --grace 1m", "everything, with time to save work"],
    ],
  },
  kill: {
    group: "sessions",
    summary: "end sessions at once (SIGKILL), or send a signal to their main process",
    operands: "[SESSION...]",
    least: 0,
    most: MANY,
    flags: {
      signal: { short: "s", value: "SIG", help: "send this to the main process alone: the session is still wanted" },
      all: every,
      selector,
      json,
    },
    notes: ["Without -s the whole process tree gets SIGKILL and the session is STOPPED.", NAMES],
    examples: [
      ["overmind kill calm-otter", ""],
      ["overmind kill -s USR1 calm-otter", "a signal, nothing more"],
    ],
  },
  rm: {
    group: "sessions",
    summary: "remove sessions with their worktrees and logs, ending the living first",
    operands: "[SESSION...]",
    least: 0,
    most: MANY,
    flags: {
      force: { help: "even if work that is not committed or merged would be lost (it goes to the trash)" },
      all: every,
      selector,
      grace,
      json,
    },
    notes: ["When work of one of them would be lost, nothing is removed and the exit code is 4.", NAMES],
    examples: [
      ["overmind rm tests", ""],
      ["overmind rm --force -l keep!=yes", "whatever is not labelled to be kept"],
    ],
  },
  wait: {
    group: "sessions",
    summary: "wait until a session has ended and no further start is due",
    operands: "SESSION",
    least: 1,
    most: 1,
    flags: { timeout: { value: "D", help: "give up after this time, with exit code 124" }, json },
    notes: [NAMES, DURATIONS],
    examples: [["overmind wait tests; echo $?", "the session's own exit code"]],
    passesOnExitCode: true,
  },
  describe: {
    group: "sessions",
    summary: "all about a session, with every change of state and its reason",
    operands: "SESSION",
    least: 1,
    most: 1,
    flags: { "show-env": { help: "print the values of its environment: they may hold secrets" }, json },
    notes: [NAMES],
    examples: [["overmind describe tests", "why did it die"]],
  },
  events: {
    group: "sessions",
    summary: "what happened, to all sessions, in order",
    least: 0,
    most: 0,
    flags: {
      follow: { short: "f", help: "go on with what happens from now" },
      lines: { short: "n", value: "N", help: "the last N events; 100 when absent" },
      json,
    },
    examples: [["overmind events -f", ""]],
  },
  prune: {
    group: "sessions",
    summary: "remove ended sessions that have nothing to lose",
    least: 0,
    most: 0,
    flags: { json },
    examples: [["overmind prune", "says what it keeps, and why"]],
  },
} as const satisfies Record<string, Command>;

const overmindCommands = {
  status: {
    group: "overmind",
    summary: "the supervisor, the process host and how many sessions there are",
    least: 0,
    most: 0,
    flags: { json },
    examples: [["overmind status", ""]],
  },
  "supervisor start": {
    group: "overmind",
    summary: "start the supervisor if it does not run (commands that need it do so themselves)",
    least: 0,
    most: 0,
    flags: {},
    examples: [["overmind supervisor start", ""]],
  },
  "supervisor stop": {
    group: "overmind",
    summary: "end the supervisor; sessions go on",
    least: 0,
    most: 0,
    flags: { sessions: { help: "stop all sessions first" } },
    examples: [["overmind supervisor stop --sessions", "end everything"]],
  },
  "supervisor restart": {
    group: "overmind",
    summary: "replace the supervisor by this version's; sessions go on",
    least: 0,
    most: 0,
    flags: {},
    examples: [["overmind supervisor restart", "after an update"]],
  },
  "supervisor status": {
    group: "overmind",
    summary: "as status, but never starts a supervisor: exit code 5 when none runs",
    least: 0,
    most: 0,
    flags: { json },
    examples: [["overmind supervisor status", ""]],
  },
  "supervisor logs": {
    group: "overmind",
    summary: "the supervisor's own log",
    least: 0,
    most: 0,
    flags: {
      follow: { short: "f", help: "go on as it grows, until Ctrl-C" },
      lines: { short: "n", value: "N", help: "the last N lines; 200 when absent" },
    },
    examples: [["overmind supervisor logs -f", ""]],
  },
  "supervisor install": {
    group: "overmind",
    summary: "start the supervisor at login: a systemd user unit or launchd agent",
    least: 0,
    most: 0,
    flags: {},
    examples: [["overmind supervisor install", ""]],
  },
  "supervisor uninstall": {
    group: "overmind",
    summary: "undo supervisor install",
    least: 0,
    most: 0,
    flags: {},
    examples: [["overmind supervisor uninstall", ""]],
  },
  doctor: {
    group: "overmind",
    summary: "say what is missing or odd on this machine; needs no supervisor",
    least: 0,
    most: 0,
    flags: { json },
    notes: ["Exit code 0 when nothing is wrong, 1 otherwise; warnings alone are not wrong."],
    examples: [["overmind doctor", ""]],
  },
  "config get": {
    group: "overmind",
    summary: "print a setting",
    operands: "NAME",
    least: 1,
    most: 1,
    flags: { user, json },
    examples: [["overmind config get graceMs --user", ""]],
  },
  "config set": {
    group: "overmind",
    summary: "change a setting",
    operands: "NAME VALUE",
    least: 2,
    most: 2,
    flags: { user },
    notes: [
      "A time may be written with its unit (30s), a size too (256MiB). --user is needed: it names the file that is changed.",
    ],
    examples: [["overmind config set graceMs 30s --user", "more time for agents to save their work"]],
  },
  "config list": {
    group: "overmind",
    summary: "print every setting, its value and what it is for",
    least: 0,
    most: 0,
    flags: { user, json },
    examples: [["overmind config list --user", ""]],
  },
  help: {
    group: "overmind",
    summary: "this help, or a command's",
    operands: "[COMMAND...]",
    least: 0,
    most: 2,
    flags: {},
    examples: [["overmind help run", "the same as overmind run --help"]],
  },
} as const satisfies Record<string, Command>;

export const commands = { ...sessionCommands, ...overmindCommands };

export type CommandName = keyof typeof commands;
export const COMMAND_NAMES = Object.keys(commands) as readonly CommandName[];

/** The table without its literal types, for whoever walks all of it. */
export function commandNamed(name: CommandName): Command {
  return commands[name];
}

type FlagsOf<C extends CommandName> = (typeof commands)[C]["flags"];
type ValueOf<F> = F extends { readonly value: string; readonly repeat: true }
  ? readonly string[]
  : F extends { readonly value: string }
    ? string | undefined
    : boolean;

/** What the flags of a command were given: text, texts, or whether it was there. */
export type FlagValues<C extends CommandName> = { readonly [F in keyof FlagsOf<C>]: ValueOf<FlagsOf<C>[F]> };

/** The exit codes that every command has in common, for the help. */
export const EXIT_CODES: readonly (readonly [code: string, meaning: string])[] = [
  ["0", "done"],
  ["1", "failed"],
  ["2", "wrong usage"],
  ["3", "not found"],
  ["4", "conflict: the name is taken or ambiguous, or work would be lost"],
  ["5", "the supervisor cannot be reached"],
  ["6", "unconfirmed: the connection broke before the answer came"],
];

/** Of `wait` and `run --attach`, which otherwise end with the session's own code. */
export const PASSED_ON_EXIT_CODES: readonly (readonly [code: string, meaning: string])[] = [
  ["N", "the session's own exit code; 128+N when signal N ended it"],
  ["124", "timed out"],
  ["125", "all else: usage, not found, conflict, unreachable, LOST, never started"],
  ["126", "the program is not executable"],
  ["127", "no such program"],
];

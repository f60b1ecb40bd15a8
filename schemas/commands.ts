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
  /** The words that its value is one of; any text when absent. */
  readonly choices?: readonly string[];
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
  /** Its SESSION is one that lives: completion offers no others. */
  readonly livingOnly?: true;
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
const cascade = { help: "their descendants too, children first" } as const satisfies Flag;
const user = { help: "the user's settings file" } as const satisfies Flag;

const DURATIONS = "Durations are written 500ms, 10s, 5m, 2h; a bare number is seconds.";
const TALK = "A session that does not run takes no messages; they wait in BACKOFF and while it starts.";
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
      restart: {
        value: "POLICY",
        choices: ["never", "on-failure", "always"],
        help: "never (the default), on-failure or always: what to do when it ends by itself",
      },
      "max-restarts": { value: "N", help: "so many since it was last healthy for 60 s, then CRASHED; 5 when absent" },
      "restart-window": { value: "D", help: "count --max-restarts in this sliding window instead" },
      backoff: { value: "D", help: "before the first restart, doubled to at most 60 s; 1s when absent" },
      "activity-timeout": { value: "D", help: "so long without output ends it as a failure, and the policy decides" },
      priority: { value: "N", help: "who waits for a place goes by this, higher first; 0 when absent" },
      "no-queue": { help: "fail with a conflict when there is no place for it now" },
      parent: { value: "SESSION", help: "the session that it is a child of; inside a session that one when absent" },
      detach: { short: "d", help: "return at once; the default" },
      attach: { help: "bridge this terminal to the session; Ctrl-P Ctrl-Q detaches" },
      "detach-keys": { value: "KEYS", help: "with --attach: what detaches, as in ctrl-p,ctrl-q" },
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
        choices: ["wide"],
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
    livingOnly: true,
    flags: { all: every, selector, cascade, grace, json },
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
    livingOnly: true,
    flags: {
      signal: { short: "s", value: "SIG", help: "send this to the main process alone: the session is still wanted" },
      all: every,
      selector,
      cascade,
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
      cascade,
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
    summary: "wait until sessions have ended and no further start is due",
    operands: "SESSION...",
    least: 1,
    most: MANY,
    flags: {
      any: { help: "return with the first that ends, and its exit code" },
      all: { short: "a", help: "wait for each, the default: the first exit code that is not 0, in the order named" },
      timeout: { value: "D", help: "give up after this time, with exit code 124" },
      json,
    },
    notes: [NAMES, DURATIONS],
    examples: [
      ["overmind wait tests; echo $?", "the session's own exit code"],
      ["overmind wait --any red green", "whichever ends first"],
    ],
    passesOnExitCode: true,
  },
  attach: {
    group: "sessions",
    summary: "bridge this terminal to a session: the screen as it is, and all keys",
    operands: "SESSION",
    least: 1,
    most: 1,
    livingOnly: true,
    flags: {
      "detach-keys": { value: "KEYS", help: "what detaches, as in ctrl-p,ctrl-q (the default)" },
      "read-only": { help: "watch alone: nothing is typed, the size stays as it is" },
    },
    notes: [
      "Detaching leaves the session alone. Several may be attached at once: the last to type rules the size.",
      "Ends with the session's own exit code when it ends meanwhile, with 0 after detaching.",
      NAMES,
    ],
    examples: [
      ["overmind attach calm-otter", "Ctrl-P Ctrl-Q leaves"],
      ["overmind attach calm-otter --detach-keys ctrl-] --read-only", "watch"],
    ],
    passesOnExitCode: true,
  },
  screen: {
    group: "sessions",
    summary: "print a session's screen as it is now",
    operands: "SESSION",
    least: 1,
    most: 1,
    flags: { ansi: { help: "with colours, as escape sequences" }, json },
    notes: [NAMES],
    examples: [["overmind screen calm-otter", "what a full-screen program shows"]],
  },
  send: {
    group: "sessions",
    summary: "type a message into a session, once it is idle",
    operands: "SESSION [TEXT|-]",
    least: 1,
    most: 2,
    livingOnly: true,
    flags: {
      now: { help: "do not wait until it is idle; it goes before those that do" },
      key: { value: "K", repeat: true, help: "press this key after the text: enter, escape, tab, up, ctrl-c, f1, ..." },
      wait: { help: "return when it is idle again, and print what came" },
      "no-wait": { help: "return once the message is queued" },
      timeout: { value: "D", help: "give up after this time, with exit code 124; the message stays queued" },
      json,
    },
    notes: [
      "Text is pasted, then Enter is pressed. With --key the keys are all that is pressed: name enter among them where it is wanted.",
      "A message is typed once. Exit codes: 0 delivered, 1 failed, 6 unconfirmed (it may have been typed), 124 timed out.",
      TALK,
      NAMES,
      DURATIONS,
    ],
    examples: [
      ["overmind send calm-otter 'and now the tests'", ""],
      ["git diff | overmind send reviewer -", "from standard input"],
      ["overmind send calm-otter --key escape --now", "a key alone"],
      ["overmind send calm-otter --wait 'npm test'", "and see what it prints"],
    ],
  },
  messages: {
    group: "sessions",
    summary: "list the messages of a session, and what became of each",
    operands: "SESSION",
    least: 1,
    most: 1,
    flags: { json },
    notes: [NAMES],
    examples: [["overmind messages calm-otter", ""]],
  },
  interrupt: {
    group: "sessions",
    summary: "press Ctrl-C in a session",
    operands: "SESSION",
    least: 1,
    most: 1,
    livingOnly: true,
    flags: {},
    notes: ["On a terminal it goes to the foreground program; on pipes the main process gets SIGINT.", NAMES],
    examples: [["overmind interrupt calm-otter", ""]],
  },
  restart: {
    group: "sessions",
    summary: "start sessions anew in their worktrees, ending those that run",
    operands: "[SESSION...]",
    least: 0,
    most: MANY,
    flags: { all: { short: "a", help: "all living sessions" }, selector, grace, json },
    notes: ["It is not counted against --max-restarts. Returns once they have started.", NAMES, DURATIONS],
    examples: [["overmind restart calm-otter", ""]],
  },
  rename: {
    group: "sessions",
    summary: "give a session another name",
    operands: "SESSION NAME",
    least: 2,
    most: 2,
    flags: { json },
    notes: ["Its branch and folder keep theirs.", NAMES],
    examples: [["overmind rename calm-otter parser", ""]],
  },
  result: {
    group: "sessions",
    summary: "what a session answered or printed last, how it ended, and how long it took",
    operands: "SESSION",
    least: 1,
    most: 1,
    flags: { json },
    notes: [NAMES],
    examples: [["overmind wait tests && overmind result tests", ""]],
  },
  subscribe: {
    group: "sessions",
    summary: "what happens to a session, one JSON object a line, until it ends",
    operands: "SESSION",
    least: 1,
    most: 1,
    flags: {},
    notes: [
      "The first line is the session as it is (type session); then come changes of type transition, activity and message, and at last one of type end or removed. Each has sessionId and sessionName.",
      NAMES,
    ],
    examples: [["overmind subscribe tests | jq .type", ""]],
  },
  top: {
    group: "sessions",
    summary: "what sessions use, the hungriest first: CPU, memory, processes, I/O",
    least: 0,
    most: 0,
    flags: {
      sort: {
        value: "KEY",
        choices: ["cpu", "memory", "processes", "read", "written", "name"],
        help: "cpu (the default), memory, processes, read, written or name",
      },
      interval: { value: "D", help: "time between two looks; 2s when absent" },
      once: { help: "print it once; the default where standard output is no terminal" },
      selector,
      colony,
      json,
    },
    notes: ["On a terminal it goes on until Ctrl-C or q.", DURATIONS],
    examples: [["overmind top --sort memory", ""]],
  },
  "colony list": {
    group: "sessions",
    summary: "list the colonies and how many sessions each has",
    least: 0,
    most: 0,
    flags: { json },
    examples: [["overmind colony list", ""]],
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
  completion: {
    group: "overmind",
    summary: "print a script that completes commands, flags and session names",
    operands: "bash|zsh|fish",
    least: 1,
    most: 1,
    flags: {},
    examples: [
      ["overmind completion bash >> ~/.bashrc", ""],
      ["overmind completion fish > ~/.config/fish/completions/overmind.fish", ""],
    ],
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

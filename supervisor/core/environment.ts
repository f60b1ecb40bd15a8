/** The environment of a session: the caller's, less what names the caller's own place, terminal, editor or agent. */

/** Why a variable is left out, for whoever reads the table. */
interface LeftOut {
  readonly why: string;
  readonly names: readonly string[];
  readonly prefixes?: readonly string[];
}

/** One table. A name here is never inherited; `run --env` can still set it. */
const LEFT_OUT: readonly LeftOut[] = [
  {
    why: "git variables that name a place: git in the session would work on the caller's repository",
    names: [
      "GIT_DIR",
      "GIT_WORK_TREE",
      "GIT_INDEX_FILE",
      "GIT_OBJECT_DIRECTORY",
      "GIT_ALTERNATE_OBJECT_DIRECTORIES",
      "GIT_COMMON_DIR",
      "GIT_NAMESPACE",
      "GIT_PREFIX",
      "GIT_CEILING_DIRECTORIES",
      "GIT_DISCOVERY_ACROSS_FILESYSTEM",
      "GIT_QUARANTINE_PATH",
      "GIT_SHALLOW_FILE",
      "GIT_GRAFT_FILE",
      "GIT_REFLOG_ACTION",
      "GIT_INTERNAL_SUPER_PREFIX",
      "GIT_EDITOR",
      "GIT_SEQUENCE_EDITOR",
      "GIT_ASKPASS",
      "GIT_EXEC_PATH",
    ],
  },
  {
    why: "the caller's terminal: the session has one of its own",
    names: [
      "TERM",
      "COLORTERM",
      "COLUMNS",
      "LINES",
      "TERMCAP",
      "TERM_PROGRAM",
      "TERM_PROGRAM_VERSION",
      "TERM_SESSION_ID",
      "LC_TERMINAL",
      "LC_TERMINAL_VERSION",
      "TMUX",
      "TMUX_PANE",
      "TMUX_PLUGIN_MANAGER_PATH",
      "STY",
      "WINDOW",
      "WINDOWID",
      "ZELLIJ",
      "ZELLIJ_SESSION_NAME",
      "ZELLIJ_PANE_ID",
      "WT_SESSION",
      "WT_PROFILE_ID",
      "VTE_VERSION",
      "KONSOLE_VERSION",
      "KONSOLE_DBUS_SERVICE",
      "KONSOLE_DBUS_SESSION",
      "SSH_TTY",
      "GPG_TTY",
    ],
    prefixes: ["ITERM_", "KITTY_", "WEZTERM_", "ALACRITTY_", "GHOSTTY_", "WARP_"],
  },
  {
    why: "the caller's editor: programs would open files in its window, or believe to be its terminal",
    names: [
      "VSCODE_IPC_HOOK",
      "VSCODE_PID",
      "ELECTRON_RUN_AS_NODE",
      "ELECTRON_NO_ATTACH_CONSOLE",
      "NVIM",
      "NVIM_LISTEN_ADDRESS",
      "INSIDE_EMACS",
      "TERMINAL_EMULATOR",
    ],
    prefixes: ["VSCODE_", "CURSOR_", "WINDSURF_", "CODE_SERVER_", "JETBRAINS_"],
  },
  {
    why: "an agent's own markers: an agent that finds them believes to run inside another and behaves differently",
    names: [
      "CLAUDECODE",
      "CLAUDE_CODE_ENTRYPOINT",
      "CLAUDE_CODE_SSE_PORT",
      "CLAUDE_CODE_SESSION_ID",
      "CLAUDE_PROJECT_DIR",
      "CLAUDE_ENV_FILE",
      "CODEX_SANDBOX",
      "CODEX_SANDBOX_NETWORK_DISABLED",
      "CODEX_THREAD_ID",
      "CODEX_CI",
      "OPENCODE",
      "OPENCODE_PID",
      "OPENCODE_CALLER",
      "GEMINI_CLI",
      "AIDER_RUNNING",
      "AGENT",
      "AI_AGENT",
    ],
  },
  {
    why: "the shell's and npm's own book-keeping of the caller",
    names: ["SHLVL", "_", "OLDPWD", "PWD", "INIT_CWD"],
    prefixes: ["npm_lifecycle_", "npm_package_"],
  },
  {
    why: "what Overmind injected into the caller, or what addresses another Overmind",
    names: [
      "OVERMIND_SESSION_ID",
      "OVERMIND_SESSION_NAME",
      "OVERMIND_ENDPOINT",
      "OVERMIND_TOKEN",
      "OVERMIND_HOME",
      "OVERMIND_DAEMON",
      "OVERMIND_HANDOVERS",
    ],
  },
];

const NAMES = new Set(LEFT_OUT.flatMap((row) => row.names));
const PREFIXES = LEFT_OUT.flatMap((row) => row.prefixes ?? []);

export function isLeftOut(name: string): boolean {
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** One table: what a login makes anew each time. A session that is started again, by itself, gets the present ones. */
const LOGIN_VARIABLES: readonly { readonly why: string; readonly names: readonly string[] }[] = [
  {
    why: "keys and passwords: the agents' sockets lie in folders that are made at the login and gone after it",
    names: [
      "SSH_AUTH_SOCK",
      "SSH_AGENT_PID",
      "GPG_AGENT_INFO",
      "KRB5CCNAME",
      "GNOME_KEYRING_CONTROL",
      "GNOME_KEYRING_PID",
    ],
  },
  {
    why: "the user's bus and runtime folder, through which desktop, keyring and user services are reached",
    names: ["DBUS_SESSION_BUS_ADDRESS", "DBUS_SESSION_BUS_PID", "XDG_RUNTIME_DIR", "XDG_SESSION_ID"],
  },
  {
    why: "the screen: which display server runs, and what it lets in; a browser that an agent opens needs it",
    names: [
      "DISPLAY",
      "WAYLAND_DISPLAY",
      "XAUTHORITY",
      "ICEAUTHORITY",
      "SESSION_MANAGER",
      "XDG_SESSION_TYPE",
      "SWAYSOCK",
      "I3SOCK",
      "HYPRLAND_INSTANCE_SIGNATURE",
    ],
  },
];

const LOGIN_NAMES = new Set(LOGIN_VARIABLES.flatMap(({ names }) => names));

/** Whether a login makes it anew, so that it is stale after the next. */
export function isLoginVariable(name: string): boolean {
  return LOGIN_NAMES.has(name);
}

/**
 * The environment with what the present login has in place of what an earlier one had. What was `asked` for by name
 * stays as it was asked for, and what the login does not have stays as it was; nothing is added that was not there.
 */
export function refreshLoginVariables(
  environment: Readonly<Record<string, string>>,
  asked: readonly string[],
  login: Readonly<Record<string, string>>,
): Record<string, string> {
  // Without a prototype: a variable may be named __proto__ or toString.
  const refreshed: Record<string, string> = Object.assign(Object.create(null), environment);
  for (const name of Object.keys(environment)) {
    const present = Object.hasOwn(login, name) ? login[name] : undefined;
    if (isLoginVariable(name) && !asked.includes(name) && present !== undefined) refreshed[name] = present;
  }
  return refreshed;
}

export interface Injection {
  readonly sessionId: string;
  readonly sessionName: string;
  readonly endpoint: string;
  readonly token: string;
  /** Folder that holds our `overmind`: first in PATH. */
  readonly binFolder: string;
  /** `:` or, on Windows, `;`. */
  readonly pathDelimiter: string;
  /** The session's working folder. */
  readonly cwd: string;
}

/** A terminal that every modern program knows; the screen model speaks it. */
const TERM = "xterm-256color";

/**
 * The caller's environment less the table, plus what was asked for, plus what Overmind injects (which always wins,
 * TERM and COLORTERM apart: whoever names those knows why).
 */
export function sessionEnvironment(
  caller: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
  injection: Injection,
): Record<string, string> {
  // Without a prototype: a variable may be named __proto__ or toString.
  const environment: Record<string, string> = Object.create(null);
  const parentBin = binFolderOfCaller(caller, injection);
  for (const [name, value] of Object.entries(caller)) {
    if (!isLeftOut(name)) environment[name] = value;
  }
  environment.TERM = TERM;
  environment.COLORTERM = "truecolor";
  Object.assign(environment, asked);
  const folders = (environment.PATH ?? "")
    .split(injection.pathDelimiter)
    .filter((folder) => folder !== "" && folder !== parentBin);
  environment.PATH = [injection.binFolder, ...folders].join(injection.pathDelimiter);
  environment.PWD = injection.cwd;
  environment.OVERMIND_SESSION_ID = injection.sessionId;
  environment.OVERMIND_SESSION_NAME = injection.sessionName;
  environment.OVERMIND_ENDPOINT = injection.endpoint;
  environment.OVERMIND_TOKEN = injection.token;
  return environment;
}

/** A caller that is itself a session has our bin folder, perhaps of an older version, first in PATH: it is replaced. */
function binFolderOfCaller(caller: Readonly<Record<string, string>>, injection: Injection): string | undefined {
  if (caller.OVERMIND_SESSION_ID === undefined) return injection.binFolder;
  return caller.PATH?.split(injection.pathDelimiter)[0];
}

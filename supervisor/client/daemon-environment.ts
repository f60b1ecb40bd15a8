/**
 * The supervisor's environment: little of that of the client which happens to start it, for it outlives it. What a
 * session needs of its caller's environment comes with `session/run`, never from here.
 */

interface Kept {
  readonly why: string;
  readonly names?: readonly string[];
  readonly prefixes?: readonly string[];
}

const KEPT: readonly Kept[] = [
  { why: "who the user is, and where things are", names: ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR", "TZ"] },
  { why: "the language that git and others speak", names: ["LANG", "LANGUAGE"], prefixes: ["LC_"] },
  { why: "the user's folders (git's own settings are found by them)", prefixes: ["XDG_"] },
  { why: "keys that git asks for", names: ["SSH_AUTH_SOCK", "SSH_AGENT_PID", "GNUPGHOME"] },
  { why: "the engine of containers", prefixes: ["DOCKER_"], names: ["CONTAINER_HOST"] },
  {
    why: "without them programs do not start on Windows",
    names: ["SystemRoot", "SystemDrive", "ComSpec", "PATHEXT", "WINDIR", "TEMP", "TMP", "USERPROFILE", "USERNAME"],
    prefixes: ["APPDATA", "LOCALAPPDATA", "ProgramFiles", "ProgramData"],
  },
];

/** They belong to one login, and the supervisor outlives that. */
const OF_ONE_LOGIN = new Set(["XDG_SESSION_ID", "XDG_SEAT", "XDG_VTNR", "XDG_SESSION_TYPE", "XDG_SESSION_CLASS"]);

const NAMES = new Set(KEPT.flatMap((row) => row.names ?? []));
const PREFIXES = KEPT.flatMap((row) => row.prefixes ?? []);

export function daemonEnvironment(caller: NodeJS.ProcessEnv, home: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(caller)) {
    if (value !== undefined && isKept(name)) environment[name] = value;
  }
  // The mark by which sessions' processes are told from ours when a tree is ended, wherever we were started from.
  environment.OVERMIND_DAEMON = "supervisor";
  environment.OVERMIND_HOME = home;
  return environment;
}

function isKept(name: string): boolean {
  if (OF_ONE_LOGIN.has(name)) return false;
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}

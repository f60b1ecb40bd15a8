/**
 * Where things lie under OVERMIND_HOME. Pure: the environment, the platform and the user come as arguments, so that
 * client, supervisor, hive and tests agree without asking each other. No zod: the command line's hot path imports it.
 */
import { posix, win32 } from "node:path";

export interface HomeFacts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly userHome: string;
  /** Numeric user id; 0 on Windows. */
  readonly userId: number;
}

export interface HomeLayout {
  /** Absolute. */
  readonly home: string;
  readonly store: string;
  readonly logs: string;
  readonly scratch: string;
  readonly trash: string;
  readonly versions: string;
  /** What can be made anew at any time: V8's compiled code of the bundles. */
  readonly cache: string;
  readonly settings: string;
  readonly supervisorLog: string;
  readonly hostLog: string;
  /** Held (a SQLite exclusive lock, which the kernel frees) by the one supervisor of this home. */
  readonly lock: string;
  /** JSON {pid, startTime, version, buildId, endpoint} of the supervisor that rules. */
  readonly supervisorIdentity: string;
  /** JSON Fault: why the last supervisor could not start. Removed by one that did. */
  readonly startFault: string;
  /** JSON {pid, startTime, hostId, version, socket} of the process host. */
  readonly hostIdentity: string;
  /** Folder of the sockets, mode 0700. On Windows unused: the endpoints are named pipes. */
  readonly socketFolder: string;
  readonly mainEndpoint: string;
  readonly sessionEndpoint: string;
  readonly hostEndpoint: string;
}

/** A socket's path must fit sockaddr_un: 104 bytes on macOS with its NUL, 108 on Linux. */
const LONGEST_SOCKET_PATH = 100;
const LONGEST_SOCKET_NAME = "session.sock".length;

export function homeFolder(facts: HomeFacts): string {
  const { environment, platform, userHome } = facts;
  const path = platform === "win32" ? win32 : posix;
  const named = environment.OVERMIND_HOME;
  if (named !== undefined && named !== "") return path.resolve(named);
  if (platform === "darwin") return posix.join(userHome, "Library", "Application Support", "overmind");
  if (platform === "win32")
    return win32.join(environment.LOCALAPPDATA ?? win32.join(userHome, "AppData", "Local"), "overmind");
  const state = environment.XDG_STATE_HOME;
  return posix.join(
    state !== undefined && posix.isAbsolute(state) ? state : posix.join(userHome, ".local", "state"),
    "overmind",
  );
}

/**
 * The layout depends on the home alone, never on variables that differ between a login shell, cron and an editor:
 * two that name the same home must find the same socket.
 */
export function homeLayout(home: string, facts: Pick<HomeFacts, "platform" | "userId">): HomeLayout {
  const windows = facts.platform === "win32";
  const path = windows ? win32 : posix;
  const digest = () => digestOf(home);
  const inHome = path.join(home, "run");
  const fits = Buffer.byteLength(inHome) + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH;
  const socketFolder = windows || fits ? inHome : `/tmp/overmind-${facts.userId}-${digest()}`;
  const endpoint = (name: string) =>
    windows ? `\\\\.\\pipe\\overmind-${digest()}-${name}` : posix.join(socketFolder, `${name}.sock`);
  return {
    home,
    store: path.join(home, "store.db"),
    logs: path.join(home, "logs"),
    scratch: path.join(home, "scratch"),
    trash: path.join(home, "trash"),
    versions: path.join(home, "versions"),
    cache: path.join(home, "cache"),
    settings: path.join(home, "settings.json"),
    supervisorLog: path.join(home, "supervisor.log"),
    hostLog: path.join(home, "process-host.log"),
    lock: path.join(home, "supervisor.lock"),
    supervisorIdentity: path.join(home, "supervisor.json"),
    startFault: path.join(home, "start-fault.json"),
    hostIdentity: path.join(home, "process-host.json"),
    socketFolder,
    mainEndpoint: endpoint("main"),
    sessionEndpoint: endpoint("session"),
    hostEndpoint: endpoint("host"),
  };
}

/**
 * FNV-1a over UTF-8, 64 bits as hex: tells one user's homes apart. It guards nothing, and node:crypto would cost each
 * command's start a tenth of what a bare Node takes.
 */
export function digestOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}

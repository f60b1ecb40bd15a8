/**
 * The process host's own process: found by its identity file, started when none lives. Two of them on one home would
 * be two owners of the same sessions, so a new one is started only when the last one is known to be gone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, type FSWatcher, mkdirSync, openSync, readFileSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { HomeLayout } from "../../schemas/home.ts";
import { withUmask } from "./git.ts";
import { isAlive } from "./process-identity.ts";

/** A host is there in a tenth of a second; this long only on a machine that is badly overloaded. */
const START_LIMIT_MS = 10_000;
/** Where the identity file cannot be watched, and as a second opinion. */
const LOOK_AGAIN_MS = 100;
/** What a program may need to start at all; nothing of whoever happened to start the supervisor. */
const HOST_VARIABLES = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "SystemRoot"];

export interface HostCommand {
  readonly program: string;
  /** The host's script; where everything lies is added behind it. */
  readonly arguments: readonly string[];
}

export interface HostIdentity {
  readonly pid: number;
  readonly startTime: string;
  readonly hostId: string;
  readonly version: string;
  readonly socket: string;
}

/** The host that the home's identity file names, if that very process lives. */
export function findHost(layout: HomeLayout): HostIdentity | undefined {
  const identity = readIdentity(layout.hostIdentity);
  return identity !== undefined && isAlive(identity) ? identity : undefined;
}

/** Asks a living host whose socket is gone to listen anew. It does nothing when its socket is there. */
export function askToListen(layout: HomeLayout, host: HostIdentity): void {
  if (process.platform === "win32" || !isAlive(host)) return;
  makePrivateFolder(layout.socketFolder);
  try {
    process.kill(host.pid, "SIGHUP");
  } catch {
    // It has ended since, which the next look finds.
  }
}

/** Starts a host in a session of its own and waits until its identity says that it listens. */
export async function startHost(
  layout: HomeLayout,
  command: HostCommand,
  version: string,
  umask: number | undefined,
): Promise<Result<HostIdentity>> {
  const folder = makePrivateFolder(layout.socketFolder);
  if (folder !== undefined) return failed(folder);
  const places = [
    ["--home", layout.home],
    ["--socket", layout.hostEndpoint],
    ["--identity", layout.hostIdentity],
    ["--logs", layout.logs],
    ["--version", version],
  ].flat();
  const log = openSync(layout.hostLog, "a", 0o600);
  try {
    const child = withUmask(umask, () =>
      spawn(command.program, [...command.arguments, ...places], {
        cwd: "/",
        detached: true,
        env: hostEnvironment(),
        stdio: ["ignore", "ignore", log],
        windowsHide: true,
      }),
    );
    child.unref();
    return await untilItListens(child, layout);
  } finally {
    closeSync(log);
  }
}

function hostEnvironment(): NodeJS.ProcessEnv {
  const inherited = HOST_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  // By this every session's search for its processes knows that this one is none of them.
  return { ...Object.fromEntries(inherited), OVERMIND_DAEMON: "host" };
}

function untilItListens(child: ChildProcess, layout: HomeLayout): Promise<Result<HostIdentity>> {
  return new Promise((resolve) => {
    const look = () => {
      const identity = readIdentity(layout.hostIdentity);
      if (identity !== undefined && identity.pid === child.pid) settle(ok(identity));
    };
    const settle = (result: Result<HostIdentity>) => {
      clearTimeout(deadline);
      clearInterval(looking);
      watcher?.close();
      child.removeAllListeners();
      resolve(result);
    };
    const deadline = setTimeout(() => {
      // Half started is worse than none: the next try must not meet it.
      child.kill("SIGKILL");
      settle(failed(cannotStart(layout, `it does not listen after ${START_LIMIT_MS / 1000} s`)));
    }, START_LIMIT_MS);
    const looking = setInterval(look, LOOK_AGAIN_MS);
    const watcher = watchFor(layout.hostIdentity, look);
    child.once("error", (error) => settle(failed(cannotStart(layout, error.message))));
    child.once("exit", (code, signal) =>
      settle(failed(cannotStart(layout, signal === null ? `it exited with code ${code}` : `${signal} ended it`))),
    );
    look();
  });
}

function watchFor(path: string, look: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_, name) => {
      if (name === null || name === basename(path)) look();
    });
    watcher.on("error", () => watcher.close()); // The timer goes on looking.
    return watcher;
  } catch {
    return undefined; // No watch is left on this system: the timer looks.
  }
}

function readIdentity(path: string): HostIdentity | undefined {
  try {
    const { pid, startTime, hostId, version, socket } = JSON.parse(readFileSync(path, "utf8")) as Partial<HostIdentity>;
    if (!Number.isSafeInteger(pid) || typeof startTime !== "string" || typeof socket !== "string") return undefined;
    return { pid: pid as number, startTime, socket, hostId: String(hostId), version: String(version) };
  } catch {
    return undefined; // There is none, or it is not a host's.
  }
}

/** Where the home's path is too long for a socket, the folder lies in /tmp: there it may be somebody else's. */
function makePrivateFolder(path: string): Fault | undefined {
  if (process.platform === "win32") return undefined;
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      return fault("failed", `cannot make the folder of the sockets: ${(error as Error).message}`);
    }
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0) return undefined;
  return fault("failed", `the folder of the sockets, ${path}, is not this user's alone`, {
    hint: `look at who made it, then remove it: rm -r ${path}`,
  });
}

function cannotStart(layout: HomeLayout, why: string): Fault {
  return fault("host-unavailable", `the process host could not be started: ${why}`, {
    retryable: true,
    hint: `its log: ${layout.hostLog}`,
  });
}

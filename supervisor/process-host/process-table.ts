/** What the system says of a process: when it started, so that a reused pid is not mistaken for it. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { LINUX_BOOT_ID_FILE, linuxStartTime } from "../../schemas/process-start-time.ts";

/** Fields of /proc/PID/stat behind the command name, which may hold spaces and brackets: counted from the state. */
const STAT_SESSION = 3;
const STAT_START_TIME = 19;

/** The start time in the system's own words (Linux: clock ticks since boot), or "" when there is no such process. */
export function startTimeOf(pid: number): string {
  if (process.platform === "linux") {
    const ticks = statOf(pid)?.[STAT_START_TIME];
    return ticks === undefined ? "" : linuxStartTime(ticks, bootId());
  }
  if (process.platform === "win32") return "";
  try {
    return execFileSync("/bin/ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return ""; // ps exits with 1 when there is no such process.
  }
}

/** Sends a signal to every process of these sessions (the groups that a shell makes for its jobs included). */
export function signalSessions(leaders: ReadonlySet<number>, signal: NodeJS.Signals): void {
  for (const leader of leaders) signalQuietly(-leader, signal);
  if (process.platform !== "linux") return; // macOS does not tell a process's session: the group has to do.
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid) && leaders.has(Number(statOf(pid)?.[STAT_SESSION]))) signalQuietly(pid, signal);
  }
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime, which is what the signal is for.
  }
}

let knownBootId: string | undefined;

function bootId(): string {
  try {
    knownBootId ??= readFileSync(LINUX_BOOT_ID_FILE, "utf8");
  } catch {
    knownBootId = ""; // A sandbox without it: ticks alone have to do.
  }
  return knownBootId;
}

function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // It has ended.
  }
}

/**
 * The supervisor that rules a home, as its identity file names it, and whether that very process lives. The start time
 * is written as hive/os writes it; the two cannot share code, for clients know nothing of the hive.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { HomeLayout } from "../../schemas/home.ts";
import { LINUX_BOOT_ID_FILE, linuxStartTime } from "../../schemas/process-start-time.ts";

export interface SupervisorProcess {
  readonly pid: number;
  readonly startTime: string;
  readonly version: string;
}

/** Fields of /proc/PID/stat behind the command's name, counted from the state. */
const START_TIME_FIELD = 19;
const LOOK_FIRST_MS = 2;
const LOOK_SLOWEST_MS = 50;

/** Undefined when there is no such file; the process that it names may be gone. */
export function readSupervisorProcess(layout: HomeLayout): SupervisorProcess | undefined {
  try {
    return JSON.parse(readFileSync(layout.supervisorIdentity, "utf8")) as SupervisorProcess;
  } catch {
    return undefined; // Never started here, or written by something that is not ours.
  }
}

/** The system's own words for when the process started; undefined when none of that number lives (a zombie does not). */
export function startTimeOf(pid: number): string | undefined {
  if (process.platform === "linux") return readLinuxStartTime(pid);
  if (process.platform === "darwin") return darwinStartTime(pid);
  try {
    process.kill(pid, 0);
    return "";
  } catch {
    return undefined; // No such process.
  }
}

/** Resolves to false when it still lives after `limitMs`. Nobody tells a process of the end of one that is no child. */
export async function hasEndedWithin(pid: number, startTime: string, limitMs: number): Promise<boolean> {
  const deadlineMs = Date.now() + limitMs;
  for (let delayMs = LOOK_FIRST_MS; startTimeOf(pid) === startTime; delayMs = Math.min(2 * delayMs, LOOK_SLOWEST_MS)) {
    if (Date.now() >= deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
  return true;
}

function readLinuxStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in brackets and may itself hold any character.
    const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
    const ticks = fields[START_TIME_FIELD];
    if (fields[0] === "Z" || fields[0] === "X" || ticks === undefined) return undefined;
    return linuxStartTime(ticks, bootId());
  } catch {
    return undefined; // No such process.
  }
}

function bootId(): string {
  try {
    return readFileSync(LINUX_BOOT_ID_FILE, "utf8");
  } catch {
    return ""; // A sandbox without it: ticks alone have to do.
  }
}

function darwinStartTime(pid: number): string | undefined {
  try {
    const text = execFileSync("/bin/ps", ["-o", "state=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const match = /^\s*(\S+)\s+(.*\S)\s*$/.exec(text);
    return match?.[1]?.startsWith("Z") === false ? match[2] : undefined;
  } catch {
    return undefined; // ps exits with 1 when there is no such process.
  }
}

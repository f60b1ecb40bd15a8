/** Which process a pid names: two with the same number are told apart by their start time. */
import type { ProcessIdentity } from "../core/session.ts";
import { darwin } from "./os/darwin.ts";
import { linux } from "./os/linux.ts";
import type { ProcessSystem } from "./os/process-table.ts";
import { win32 } from "./os/win32.ts";

export function processSystem(): ProcessSystem {
  if (process.platform === "win32") return win32;
  return process.platform === "darwin" ? darwin : linux;
}

/** The system's own words for when a process started; undefined when none of that number lives (a zombie does not). */
export function processStartTime(pid: number): string | undefined {
  return processSystem().startTime(pid);
}

/** Whether this very process lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processStartTime(identity.pid) === identity.startTime;
}

/**
 * How the control groups of sessions are named (Linux, cgroup v2): the process host makes them, the hive looks into
 * them, and both find those of hosts before. Below the group that the host was started in:
 *   overmind-HOME/PLACE/session-SESSION
 * Processes of the session are in PLACE, which is made before it is known whose it will be, and cannot be renamed: the
 * group below it is its label, and holds nobody.
 */
import { digestOf } from "./home.ts";

/** Where systems mount the unified hierarchy: alone, or beside the old ones. */
export const CONTROL_GROUP_MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] as const;
/** A file that every mount of the unified hierarchy has, and nothing else. */
export const CONTROL_GROUP_SIGN = "cgroup.controllers";
/** The pids of a group, of which the kernel takes and gives one a line. */
export const CONTROL_GROUP_PIDS = "cgroup.procs";

const PREFIX = "overmind-";
const LABEL_PREFIX = "session-";

/** Name of the group that holds all groups of this home's sessions. */
export function homeControlGroup(home: string): string {
  return `${PREFIX}${digestOf(home)}`;
}

/** Name of the group that says whose the one around it is. */
export function sessionLabel(sessionId: string): string {
  return `${LABEL_PREFIX}${sessionId}`;
}

/** Undefined for a group that is no label: a program of the session may have made it. */
export function parseSessionLabel(name: string): string | undefined {
  return name.startsWith(LABEL_PREFIX) ? name.slice(LABEL_PREFIX.length) : undefined;
}

/** Whether a group of this name is the home's of some Overmind. */
export function isHomeControlGroup(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * The group in the unified hierarchy by the text of /proc/PID/cgroup, as a path below its mount; undefined without one.
 * A process that was started from within a session is in that session's group: the one around all of ours is meant.
 */
export function controlGroupAround(text: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(text)?.[1];
  if (path === undefined) return undefined;
  const names = path.split("/");
  const ours = names.findIndex(isHomeControlGroup);
  const around = (ours < 0 ? names : names.slice(0, ours)).join("/");
  return around === "" ? "/" : around;
}

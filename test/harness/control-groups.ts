/** The control groups that process hosts make for sessions: whether they can here, and that none is left behind. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  CONTROL_GROUP_MOUNTS,
  CONTROL_GROUP_PIDS,
  CONTROL_GROUP_SIGN,
  homeControlGroup,
  parseSessionLabel,
} from "../../schemas/control-groups.ts";

/** The control group that this process is in; undefined where none can be made below it: a host does without, then. */
export function controlGroupFolder(): string | undefined {
  const mount = CONTROL_GROUP_MOUNTS.find((path) => existsSync(join(path, CONTROL_GROUP_SIGN)));
  const path = mount === undefined ? undefined : /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  if (mount === undefined || path === undefined) return undefined;
  const folder = join(mount, path);
  const probe = join(folder, `om-probe-${process.pid}`);
  try {
    accessSync(join(folder, CONTROL_GROUP_PIDS), constants.W_OK);
    mkdirSync(probe);
    rmdirSync(probe);
    return folder;
  } catch {
    return undefined; // Read-only, or another user's.
  }
}

/** Those of a session in the groups of a home below `around`; of any session when none is named. */
export function sessionGroups(around: string, home: string, sessionId?: string): string[] {
  const folder = join(around, homeControlGroup(home));
  return groupsIn(folder).flatMap((place) => {
    const labels = groupsIn(join(folder, place)).map(parseSessionLabel);
    const isMeant = labels.some((label) => label !== undefined && (sessionId === undefined || label === sessionId));
    return isMeant ? [join(folder, place)] : [];
  });
}

/**
 * Of a host that was killed, and could remove none itself: ends whoever its sessions left behind. False while somebody
 * is in one of them.
 */
export function removeControlGroups(home: string): boolean {
  const folder = controlGroupFolder();
  return folder === undefined || removeAll(join(folder, homeControlGroup(home)));
}

/** Those that have a number here: one in another namespace is told as 0. */
export function pidsInGroup(group: string): number[] {
  const lines = readFileSync(join(group, CONTROL_GROUP_PIDS), "utf8").split("\n");
  return lines.map(Number).filter((pid) => pid > 0);
}

function groupsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

function removeAll(group: string): boolean {
  if (!existsSync(group)) return true;
  if (
    !groupsIn(group)
      .map((name) => removeAll(join(group, name)))
      .every(Boolean)
  )
    return false;
  try {
    if (existsSync(join(group, "cgroup.kill"))) writeFileSync(join(group, "cgroup.kill"), "1");
    else for (const pid of pidsInGroup(group)) process.kill(pid, "SIGKILL");
    rmdirSync(group);
    return true;
  } catch {
    return false; // A process that was killed is being taken away.
  }
}

/**
 * Whether the system still gives processes and threads. Asked before node-pty forks, because its binding makes a thread
 * that waits for the child, and where the system refuses that thread it aborts the whole host.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { posix } from "node:path";

/** A start takes two. The rest is for what others start between our look and the fork. */
const MARGIN = 16;

/** Says in words which limit is (nearly) reached, or undefined when there is room. Linux alone is asked. */
export function obstacleToProcesses(): string | undefined {
  if (process.platform !== "linux") return undefined;
  // All of the system's tasks: an upper bound on any smaller count, and one short read.
  const tasks = Number(/\/(\d+) /.exec(read("/proc/loadavg"))?.[1] ?? 0);
  for (const name of ["threads-max", "pid_max"]) {
    const limit = Number(read(`/proc/sys/kernel/${name}`) || Number.POSITIVE_INFINITY);
    if (tasks + MARGIN > limit) return `${tasks} processes and threads of ${limit} in the system (kernel.${name})`;
  }
  return obstacleOfUser(tasks) ?? obstacleOfControlGroup();
}

function obstacleOfUser(tasksOfAll: number): string | undefined {
  const userId = process.getuid?.();
  if (userId === undefined || userId === 0) return undefined; // Root has no such limit.
  const limit = Number(/^Max processes +(\d+)/m.exec(read("/proc/self/limits"))?.[1] ?? Number.POSITIVE_INFINITY);
  if (tasksOfAll + MARGIN <= limit) return undefined;
  let tasks = 0;
  for (const name of readdirSync("/proc")) {
    const folder = `/proc/${name}`;
    if (!/^\d+$/.test(name) || statSync(folder, { throwIfNoEntry: false })?.uid !== userId) continue;
    tasks += Number(/^Threads:\s+(\d+)/m.exec(read(`${folder}/status`))?.[1] ?? 0);
  }
  return tasks + MARGIN > limit ? `${tasks} processes and threads of this user's ${limit} (ulimit -u)` : undefined;
}

/** The limits of the control groups that we are in, the inner and those around it. */
function obstacleOfControlGroup(): string | undefined {
  const groups = read("/proc/self/cgroup");
  const unified = /^0::(.*)$/m.exec(groups)?.[1];
  const legacy = /^\d+:[^:]*\bpids\b[^:]*:(.*)$/m.exec(groups)?.[1];
  const [root, inner] = legacy === undefined ? ["/sys/fs/cgroup", unified] : ["/sys/fs/cgroup/pids", legacy];
  for (let group = inner; group !== undefined; group = group === "/" ? undefined : posix.dirname(group)) {
    const folder = posix.join(root, group);
    const limit = Number.parseInt(read(`${folder}/pids.max`), 10); // NaN for "max", and where there is no limit.
    const tasks = Number(read(`${folder}/pids.current`));
    if (tasks + MARGIN > limit) return `${tasks} processes and threads of ${limit} in the control group ${group}`;
  }
  return undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // Not on this system, or a process that has ended: no limit, and nothing to count.
  }
}

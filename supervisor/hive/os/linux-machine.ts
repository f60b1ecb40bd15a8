/** Linux: memory from /proc/meminfo and the control groups, the login from systemd's user manager. Parsing is pure. */
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { type MachineMemory, type MachineSystem, outputOf } from "./machine-system.ts";

/** The user manager answers in milliseconds, or never when its bus is gone. */
const SYSTEMCTL_LIMIT_MS = 2_000;

export const linuxMachine: MachineSystem = {
  memory() {
    const system = parseMemoryInfo(readIfThere("/proc/meminfo"));
    return Promise.resolve(
      system === undefined ? undefined : within(system, groupsOf(readIfThere("/proc/self/cgroup"))),
    );
  },
  async loginEnvironment() {
    const printed = await outputOf("systemctl", ["--user", "show-environment"], {
      limitMs: SYSTEMCTL_LIMIT_MS,
      environment: { ...process.env, ...userBus() },
    });
    return printed === undefined ? {} : parseShownEnvironment(printed);
  },
};

/** /proc/meminfo. MemAvailable is what programs can get without swapping, the page cache that can be dropped included. */
export function parseMemoryInfo(text: string): MachineMemory | undefined {
  const bytesOf = (name: string) => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  };
  const totalBytes = bytesOf("MemTotal");
  const freeBytes = bytesOf("MemAvailable");
  return totalBytes === undefined || freeBytes === undefined ? undefined : { freeBytes, totalBytes };
}

/** The files of one control group, as text; empty where there is none. */
export interface GroupMemory {
  readonly limit: string;
  readonly used: string;
  readonly stat: string;
}

/**
 * What is left of a control group's limit; undefined without one. File pages that nobody has touched lately count as
 * used there, and yet are given up at once when somebody needs them.
 */
export function parseGroupMemory({ limit, used, stat }: GroupMemory): MachineMemory | undefined {
  const totalBytes = Number.parseInt(limit, 10); // NaN for "max", and where there is no such file.
  const usedBytes = Number.parseInt(used, 10);
  if (!Number.isFinite(totalBytes) || !Number.isFinite(usedBytes)) return undefined;
  // The old control groups tell of this very one without `total_`, and with it of those below too, as the new ones do.
  const pages = /^total_inactive_file (\d+)$/m.exec(stat) ?? /^inactive_file (\d+)$/m.exec(stat);
  const reclaimable = Number(pages?.[1] ?? 0);
  return { freeBytes: Math.max(0, totalBytes - Math.max(0, usedBytes - reclaimable)), totalBytes };
}

/** The least of all: a limit that is larger than the machine, as the old control groups' "none" is, limits nothing. */
export function within(system: MachineMemory, groups: readonly GroupMemory[]): MachineMemory {
  const limits = groups.map(parseGroupMemory).filter((one) => one !== undefined);
  return {
    freeBytes: Math.min(system.freeBytes, ...limits.map(({ freeBytes }) => freeBytes)),
    totalBytes: Math.min(system.totalBytes, ...limits.map(({ totalBytes }) => totalBytes)),
  };
}

/** NAME=value, a line each; a value that needs it is written as $'...' (systemd's, and every shell's, own quoting). */
export function parseShownEnvironment(text: string): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) found[line.slice(0, at)] = unquoted(line.slice(at + 1));
  }
  return found;
}

const ESCAPES: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function unquoted(value: string): string {
  if (!value.startsWith("$'") || !value.endsWith("'")) return value;
  return value
    .slice(2, -1)
    .replace(/\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|(.))/g, (_, octal?: string, hex?: string, letter?: string) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      return ESCAPES[letter ?? ""] ?? letter ?? "";
    });
}

/** The control group that we are in and those around it, of the unified hierarchy or of the old one for memory. */
function groupsOf(text: string): GroupMemory[] {
  const unified = /^0::(.*)$/m.exec(text)?.[1];
  const legacy = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(text)?.[1];
  const groups: GroupMemory[] = [];
  const root = legacy === undefined ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  const [limit, used] =
    legacy === undefined ? ["memory.max", "memory.current"] : ["memory.limit_in_bytes", "memory.usage_in_bytes"];
  for (let group = legacy ?? unified; group !== undefined; group = group === "/" ? undefined : posix.dirname(group)) {
    const read = (name: string) => readIfThere(posix.join(root, group ?? "", name));
    groups.push({ limit: read(limit), used: read(used), stat: read("memory.stat") });
  }
  return groups;
}

/** A supervisor that was started outside of a login does not know the user's bus, which has its place. */
function userBus(): Record<string, string> {
  if (process.env.XDG_RUNTIME_DIR !== undefined) return {};
  const folder = `/run/user/${process.getuid?.() ?? 0}`;
  return existsSync(folder) ? { XDG_RUNTIME_DIR: folder } : {};
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // Not on this system, or not for us: it limits nothing.
  }
}

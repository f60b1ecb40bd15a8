/**
 * macOS: what `ps` prints, for there is no /proc. Written with care from its manual and parsed purely; not yet run on a
 * Mac by our own tests. An environment is read (`ps -E`) only of processes that are asked about, and only as far as the
 * system lets a user see it, so a daemon that has left its session may stay unseen until it is.
 */
import { execFile, execFileSync } from "node:child_process";
import { failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import type { EnvironmentMark, ProcessEntry, ProcessSystem, ProcessTable } from "./process-table.ts";

const PS = "/bin/ps";
/** `sess` is a kernel address there, no pid, and is left out. The command stands last: it alone may hold spaces. */
const COLUMNS = "pid=,ppid=,pgid=,uid=,lstart=,rss=,time=,state=,command=";
/** A table of several thousand processes with long command lines. */
const MAX_OUTPUT_BYTES = 32 << 20;
const PS_LIMIT_MS = 10_000;
/** lstart is always written so in the C locale, which keeps it parseable and five words long. */
const PS_ENVIRONMENT = { LC_ALL: "C", PATH: "/usr/bin:/bin" };

interface DarwinEntry extends ProcessEntry {
  readonly userId: number;
  readonly command: string;
}

export const darwin: ProcessSystem = {
  async readTable(): Promise<Result<ProcessTable>> {
    const listed = await ps(["-axww", "-o", COLUMNS]);
    if (!listed.ok) return listed;
    const marked = await ps(["-axwwE", "-o", "pid=,command="]);
    return ok(tableOf(parseProcessList(listed.value), marked.ok ? parseEnvironments(marked.value) : new Map()));
  },
  startTime(pid) {
    try {
      const options = { encoding: "utf8", env: PS_ENVIRONMENT, timeout: PS_LIMIT_MS } as const;
      const text = execFileSync(PS, ["-o", "state=,lstart=", "-p", String(pid)], {
        ...options,
        stdio: ["ignore", "pipe", "ignore"],
      });
      const match = /^\s*(\S+)\s+(.*\S)\s*$/.exec(text);
      return match?.[1]?.startsWith("Z") === false ? match[2] : undefined;
    } catch {
      return undefined; // ps exits with 1 when there is no such process.
    }
  },
};

const LINE =
  /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\w{3}\s+\w{3}\s+\d+\s+\d+:\d+:\d+\s+\d{4})\s+(\d+)\s+(\S+)\s+(\S+)(?:\s+(.*))?$/;

/** The output of `ps -axww -o COLUMNS`. Lines that are none are passed over. */
export function parseProcessList(text: string): Map<number, DarwinEntry> {
  const entries = new Map<number, DarwinEntry>();
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, pid, parentPid, groupId, userId, startTime = "", kibibytes, time = "", state = "", command = ""] = match;
    entries.set(Number(pid), {
      pid: Number(pid),
      parentPid: Number(parentPid),
      groupId: Number(groupId),
      sessionLeader: 0,
      startTime,
      startOrder: Date.parse(startTime),
      isZombie: state.startsWith("Z"),
      cpuSeconds: parseCpuTime(time),
      memoryBytes: Number(kibibytes) * 1024,
      userId: Number(userId),
      command,
    });
  }
  return entries;
}

/** `[[days-]hours:]minutes:seconds.hundredths`, as ps writes it. */
export function parseCpuTime(text: string): number {
  const [whole = "", days = "0"] = text.split("-").reverse();
  const seconds = whole.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return Number(days) * 86_400 + seconds;
}

/** The output of `ps -axwwE -o pid=,command=`: the environment follows the command line, told apart by spaces alone. */
export function parseEnvironments(text: string): Map<number, EnvironmentMark> {
  const marks = new Map<number, EnvironmentMark>();
  for (const line of text.split("\n")) {
    const match = /^\s*(\d+)\s(.*)$/.exec(line);
    if (match === null) continue;
    const sessionId = /(?:^| )OVERMIND_SESSION_ID=(\S+)/.exec(match[2] ?? "")?.[1];
    const isDaemon = /(?:^| )OVERMIND_DAEMON=/.test(match[2] ?? "");
    marks.set(Number(match[1]), { ...(sessionId === undefined ? {} : { sessionId }), isDaemon });
  }
  return marks;
}

function tableOf(entries: ReadonlyMap<number, DarwinEntry>, marks: ReadonlyMap<number, EnvironmentMark>): ProcessTable {
  const userId = process.getuid?.() ?? -1;
  return {
    entries,
    mark: ({ pid }) => marks.get(pid),
    orderOf: (startTime) => Date.parse(startTime) || 0,
    command: ({ pid }) => entries.get(pid)?.command ?? "",
    io: () => undefined, // ps does not tell it, and what does is for root alone.
    isOurs: ({ pid }) => entries.get(pid)?.userId === userId,
  };
}

function ps(argv: readonly string[]): Promise<Result<string>> {
  const options = { encoding: "utf8", env: PS_ENVIRONMENT, maxBuffer: MAX_OUTPUT_BYTES, timeout: PS_LIMIT_MS } as const;
  return new Promise((resolve) => {
    execFile(PS, argv, options, (error, stdout) => {
      if (error === null) resolve(ok(stdout));
      else resolve(failed(fault("failed", `the process table cannot be read: ${error.message}`, { retryable: true })));
    });
  });
}

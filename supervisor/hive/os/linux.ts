/** Linux: /proc, read with plain system calls. Parsing is pure and tested with recorded text. */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { ok } from "../../../schemas/fault.ts";
import { LINUX_BOOT_ID_FILE, linuxStartTime } from "../../../schemas/process-start-time.ts";
import type { EnvironmentMark, ProcessEntry, ProcessIo, ProcessSystem, ProcessTable } from "./process-table.ts";

/** Processes read at a stretch: a millisecond, after which bytes and requests have their turn. */
const PROCESSES_PER_SLICE = 64;
/** Linux's own default for the highest pid on small machines; beyond that the table is cut, never the supervisor hung. */
const MAX_PROCESSES = 32_768;
/** The kernel's own bound on one environment is the stack's share, 2 MiB by default. */
const MAX_ENVIRONMENT_BYTES = 4 << 20;
const READ_BYTES = 64 << 10;
/** Enough to know a command by; a TreeMember keeps less. */
const COMMAND_BYTES = 4096;

/** Auxiliary vector entries (elf.h): what the kernel told this very process at its start. */
const AT_PAGESZ = 6n;
const AT_CLKTCK = 17n;

export interface KernelUnits {
  readonly pageBytes: number;
  readonly ticksPerSecond: number;
  /** What start times count from; empty where the kernel does not say. */
  readonly bootId: string;
}

export const linux: ProcessSystem = {
  async readTable() {
    const units = kernelUnits();
    const entries = new Map<number, ProcessEntry>();
    const pids = pidsIn(readdirSync("/proc")).slice(0, MAX_PROCESSES);
    for (let at = 0; at < pids.length; at += PROCESSES_PER_SLICE) {
      if (at > 0) await new Promise<void>((next) => setImmediate(next));
      for (const pid of pids.slice(at, at + PROCESSES_PER_SLICE)) {
        const text = readIfThere(`/proc/${pid}/stat`);
        const entry = text === undefined ? undefined : parseStat(text, units);
        if (entry !== undefined) entries.set(pid, entry);
      }
    }
    return ok(tableOf(entries));
  },
  startTime(pid) {
    const text = readIfThere(`/proc/${pid}/stat`);
    const entry = text === undefined ? undefined : parseStat(text, kernelUnits());
    return entry === undefined || entry.isZombie ? undefined : entry.startTime;
  },
};

/**
 * One line of /proc/PID/stat. The command's name stands in brackets and may itself hold brackets, spaces and line
 * feeds, so the fields are counted from the last bracket. Undefined for what is no such line.
 */
export function parseStat(text: string, units: KernelUnits): ProcessEntry | undefined {
  const open = text.indexOf(" (");
  const close = text.lastIndexOf(") ");
  if (open < 0 || close < open) return undefined;
  const pid = Number(text.slice(0, open));
  // Field numbers in proc(5) count from 1; the state is the third.
  const fields = text.slice(close + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  const startTime = fields[22 - 3];
  if (!Number.isInteger(pid) || startTime === undefined || !/^\d+$/.test(startTime)) return undefined;
  const state = fields[0];
  return {
    pid,
    parentPid: field(4),
    groupId: field(5),
    sessionLeader: field(6),
    startTime: linuxStartTime(startTime, units.bootId),
    startOrder: Number(startTime),
    isZombie: state === "Z" || state === "X" || state === "x",
    cpuSeconds: (field(14) + field(15)) / units.ticksPerSecond,
    memoryBytes: field(24) * units.pageBytes,
  };
}

/** What Overmind's own variables say in a block of NAME=value ended by NULs each. */
export function parseEnvironment(block: Buffer): EnvironmentMark {
  const sessionId = variableIn(block, "OVERMIND_SESSION_ID");
  return {
    ...(sessionId === undefined || sessionId === "" ? {} : { sessionId }),
    isDaemon: variableIn(block, "OVERMIND_DAEMON") !== undefined,
  };
}

function variableIn(block: Buffer, name: string): string | undefined {
  const pattern = `${name}=`;
  for (let at = block.indexOf(pattern); at >= 0; at = block.indexOf(pattern, at + 1)) {
    if (at > 0 && block[at - 1] !== 0) continue; // The end of a longer name, or part of a value.
    const start = at + pattern.length;
    const end = block.indexOf(0, start);
    return block.toString("utf8", start, end < 0 ? block.length : end);
  }
  return undefined;
}

/**
 * /proc/PID/io. Of its two ways to count, it is the bytes that went to or came from disks, as htop and iotop show them:
 * the other (`rchar`, `wchar`) counts what is printed to a terminal or read from the cache, which slows nobody down.
 */
export function parseIo(text: string): ProcessIo | undefined {
  const readBytes = /^read_bytes: (\d+)$/m.exec(text)?.[1];
  const writtenBytes = /^write_bytes: (\d+)$/m.exec(text)?.[1];
  if (readBytes === undefined || writtenBytes === undefined) return undefined;
  return { readBytes: Number(readBytes), writtenBytes: Number(writtenBytes) };
}

/** /proc/self/auxv: pairs of words. `wordBytes` is 8, or 4 on 32-bit systems. */
export function parseAuxiliaryVector(vector: Buffer, wordBytes: 4 | 8): Omit<KernelUnits, "bootId"> {
  const found = new Map<bigint, number>();
  const word = (at: number) => (wordBytes === 8 ? vector.readBigUInt64LE(at) : BigInt(vector.readUInt32LE(at)));
  for (let at = 0; at + 2 * wordBytes <= vector.length; at += 2 * wordBytes) {
    found.set(word(at), Number(word(at + wordBytes)));
  }
  // What every Linux that Node runs on has, where the kernel should not say.
  return { pageBytes: found.get(AT_PAGESZ) ?? 4096, ticksPerSecond: found.get(AT_CLKTCK) ?? 100 };
}

let units: KernelUnits | undefined;

function kernelUnits(): KernelUnits {
  const wordBytes = process.arch === "arm" || process.arch === "ia32" ? 4 : 8;
  units ??= {
    ...parseAuxiliaryVector(readFileSync("/proc/self/auxv"), wordBytes),
    bootId: readIfThere(LINUX_BOOT_ID_FILE) ?? "",
  };
  return units;
}

function pidsIn(names: readonly string[]): number[] {
  return names.map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
}

function tableOf(entries: ReadonlyMap<number, ProcessEntry>): ProcessTable {
  const marks = new Map<number, EnvironmentMark | undefined>();
  const userId = process.getuid?.() ?? -1;
  return {
    entries,
    mark({ pid }) {
      if (!marks.has(pid)) {
        const block = readBounded(`/proc/${pid}/environ`, MAX_ENVIRONMENT_BYTES);
        marks.set(pid, block === undefined ? undefined : parseEnvironment(block));
      }
      return marks.get(pid);
    },
    orderOf: (startTime) => Number(startTime) || 0,
    command({ pid }) {
      const line = readBounded(`/proc/${pid}/cmdline`, COMMAND_BYTES)?.toString("utf8").replaceAll("\0", " ").trim();
      // A process that is just ending, and a kernel thread, have no command line: their name says enough.
      return line === undefined || line === "" ? (readIfThere(`/proc/${pid}/comm`)?.trim() ?? "") : line;
    },
    io: ({ pid }) => parseIo(readIfThere(`/proc/${pid}/io`) ?? ""),
    isOurs({ pid }) {
      try {
        return statSync(`/proc/${pid}`).uid === userId;
      } catch {
        return false; // It has gone.
      }
    },
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined; // The process has gone, which is nothing to report.
  }
}

function readBounded(path: string, mostBytes: number): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const parts: Buffer[] = [];
    for (let length = 0; length < mostBytes; ) {
      const part = Buffer.allocUnsafe(Math.min(READ_BYTES, mostBytes - length));
      const read = readSync(file, part);
      if (read === 0) break;
      parts.push(part.subarray(0, read));
      length += read;
    }
    return Buffer.concat(parts);
  } catch {
    return undefined; // It has gone, or it is another user's.
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** What a system's process table says, in one shape for all systems: os/linux.ts, darwin.ts and win32.ts fill it in. */
import type { Result } from "../../../schemas/fault.ts";

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** The terminal session's leader; 0 where the system does not tell it. */
  readonly sessionLeader: number;
  /** The system's own words, as text. Told with `pid`, it names one process for ever. */
  readonly startTime: string;
  /** The same as a number that grows with time, to tell which of two came first. Its unit is the system's. */
  readonly startOrder: number;
  /** Ended, and not yet taken away by its parent: it runs no more and cannot be signalled. */
  readonly isZombie: boolean;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

/** Of a process's environment, what Overmind puts there. */
export interface EnvironmentMark {
  /** OVERMIND_SESSION_ID. */
  readonly sessionId?: string;
  /** OVERMIND_DAEMON is set: a supervisor or process host of ours, whoever started it. */
  readonly isDaemon: boolean;
}

export interface ProcessIo {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** The living world at one moment, zombies included. */
export interface ProcessTable {
  readonly entries: ReadonlyMap<number, ProcessEntry>;
  /** Undefined when the process has gone or the system does not let us look. */
  mark(entry: ProcessEntry): EnvironmentMark | undefined;
  /** A start time as `startOrder` has it; 0 for a text that is none. */
  orderOf(startTime: string): number;
  /** The command line; empty when the process has gone. */
  command(entry: ProcessEntry): string;
  /** What it and the children that it has waited for have moved to and from disks; undefined where that is not told. */
  io(entry: ProcessEntry): ProcessIo | undefined;
  /** Whether it is this user's own. Others are never searched for marks. */
  isOurs(entry: ProcessEntry): boolean;
}

/** One system's own ways. */
export interface ProcessSystem {
  readTable(): Promise<Result<ProcessTable>>;
  /** The start time of a living process, in the words of ProcessEntry; undefined when there is none. */
  startTime(pid: number): string | undefined;
}

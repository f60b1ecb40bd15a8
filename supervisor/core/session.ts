/**
 * Core: the pure rules. Facts and `now` come in as arguments, values go out; no node: imports, no clock, no
 * randomness, no promise. Anything may import it; it imports schemas' types alone.
 *
 * This file: what a session is. `desired` is what people asked for, `observed` what was seen, each in one place.
 */
import type { Fault } from "../../schemas/fault.ts";
import type { ExitPayload } from "../../schemas/segment.ts";

export const PHASES = [
  "PENDING",
  "STARTING",
  "RUNNING",
  "STOPPING",
  "BACKOFF",
  "COMPLETED",
  "CRASHED",
  "STOPPED",
  "LOST",
] as const;
export type Phase = (typeof PHASES)[number];

export type Activity = "working" | "idle" | "waiting";

/** Phases that only a new start (or nothing) follows. */
export const ENDED_PHASES: ReadonlySet<Phase> = new Set(["COMPLETED", "CRASHED", "STOPPED", "LOST"]);

export function hasEnded(phase: Phase): boolean {
  return ENDED_PHASES.has(phase);
}

/** A process, told from a later one with the same number by its start time (the system's own, as text). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

export interface TreeMember extends ProcessIdentity {
  /** The command line, cut to 200 characters. */
  readonly command: string;
}

export interface TreeUsage {
  readonly sessionId: string;
  /** Share of one core since the previous sample of this session, 0 to the number of cores; 0 in the first. */
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly atMs: number;
}

/** The folder of a session. Recorded before it is made; `made` is set once it is. */
export interface WorkspaceRecord {
  readonly kind: "worktree" | "scratch";
  /** The project: the folder that the user named, or for a scratch session the workspace itself. */
  readonly project: string;
  /** Absolute path of the worktree or scratch repository. */
  readonly path: string;
  /** Where the process starts: `path`, or the same subfolder of it that the user named of the project. */
  readonly cwd: string;
  /** The repository's common git folder. Empty for a scratch repository that is not made yet. */
  readonly gitDirectory: string;
  readonly branch: string;
  /** The commit that the branch starts from. Empty for a scratch repository. */
  readonly base: string;
  /** Trees of the checkout's staged and whole state, carried over by --with-changes. */
  readonly changes?: { readonly staged: string; readonly whole: string };
  readonly made: boolean;
}

/** What to run: fixed at the session's start. */
export interface SessionSpec {
  readonly argv: readonly string[];
  /** What people call it: an agent definition's name, or the program. */
  readonly agent: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdio: "terminal" | "pipes";
  readonly columns: number;
  readonly rows: number;
  readonly graceMs: number;
  readonly keepChildren: boolean;
  /** Remove the session by itself once it has ended, if nothing would be lost. */
  readonly removeWhenEnded: boolean;
}

export type Desired =
  | { readonly state: "running" }
  | {
      readonly state: "stopped";
      readonly mode: "stop" | "kill";
      readonly graceMs: number;
      readonly requestedAtMs: number;
      /** Who asked, in words: "user", "session calm-otter", "supervisor stop --sessions". */
      readonly by: string;
    }
  | {
      readonly state: "removed";
      readonly mode: "stop" | "kill";
      readonly graceMs: number;
      readonly requestedAtMs: number;
      readonly by: string;
      readonly force: boolean;
    };

/** The ending of a tree that is under way. */
export interface Ending {
  /** Why: somebody asked, the main process left others behind, or the process host died. */
  readonly cause: "asked" | "left-behind" | "host-lost";
  /** When SIGTERM was sent; undefined before. */
  readonly terminatedAtMs?: number;
  /** When SIGKILL was sent; undefined before. */
  readonly killedAtMs?: number;
  /** All that were signalled so far, once each. */
  readonly ended: readonly TreeMember[];
}

export interface Observed {
  readonly phase: Phase;
  readonly reason: string;
  /** Counts from 1 with the first start; 0 before. */
  readonly attempt: number;
  readonly restarts: number;
  /** The process host that started the present attempt. */
  readonly hostId?: string;
  readonly main?: ProcessIdentity;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly exit?: ExitPayload;
  readonly ending?: Ending;
  /** What the last failed try said; a try that may succeed later is tried again. */
  readonly fault?: Fault;
}

export interface SessionRecord {
  readonly id: string;
  readonly name: string;
  readonly hiveId: string;
  readonly colony: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly parentId?: string;
  readonly createdAtMs: number;
  readonly spec: SessionSpec;
  readonly token: string;
  readonly workspace: WorkspaceRecord;
  readonly desired: Desired;
  readonly observed: Observed;
  /** Grows by one with each write: a stale write is refused as a conflict. */
  readonly revision: number;
}

/** Why a session changed: a sentence for people, and the facts it was told from. */
export interface Transition {
  /** Grows over all sessions; 0 until the store gives it. */
  readonly id: number;
  readonly sessionId: string;
  readonly atMs: number;
  readonly from: Phase | null;
  readonly to: Phase;
  readonly attempt: number;
  readonly reason: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

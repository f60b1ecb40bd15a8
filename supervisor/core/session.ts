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

/** The latest attempt whose process has been made; 0 before the first. It is counted before. */
export function startedAttempt({ observed: { phase, attempt } }: SessionRecord): number {
  return phase === "STARTING" ? Math.max(0, attempt - 1) : attempt;
}

/** Somebody asked for a new start that has not been made yet. */
export function startAsked({ desired, observed }: SessionRecord): boolean {
  return (
    desired.state === "running" && desired.restart !== undefined && desired.restart.afterAttempt >= observed.attempt
  );
}

/** Nothing further happens to it before its children have ended: it is ended with them, or removes itself. */
export function waitsForChildren({ desired, observed, spec }: SessionRecord): boolean {
  if (desired.state !== "running") return desired.childrenFirst === true;
  return spec.removeWhenEnded && hasEnded(observed.phase);
}

/** A further start is due, or asked for: what waits for its end goes on waiting. */
export function mayStartAgain(session: SessionRecord): boolean {
  return !hasEnded(session.observed.phase) || startAsked(session);
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
  /** Bytes a second since the previous sample that asked for them; absent when they were not asked for or not readable. */
  readonly readBytesPerSecond?: number;
  readonly writtenBytesPerSecond?: number;
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

export const RESTART_POLICIES = ["never", "on-failure", "always"] as const;
export type RestartPolicy = (typeof RESTART_POLICIES)[number];

/** When a session that has ended by itself is started again. */
export interface RestartRule {
  readonly policy: RestartPolicy;
  /** So many since it was last healthy (HEALTHY_AFTER_MS), or in `windowMs` when that is given; then it stays CRASHED. */
  readonly maxRestarts: number;
  readonly windowMs?: number;
  /** Before the first restart; doubled with each further one, up to LONGEST_BACKOFF_MS. */
  readonly backoffMs: number;
}

/** What to run: fixed at the session's start. */
export interface SessionSpec {
  readonly argv: readonly string[];
  /** What people call it: an agent definition's name, or the program. */
  readonly agent: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Names of those variables that were asked for by name: they are never refreshed from a later login. */
  readonly askedVariables: readonly string[];
  readonly stdio: "terminal" | "pipes";
  readonly columns: number;
  readonly rows: number;
  readonly graceMs: number;
  readonly keepChildren: boolean;
  /** Remove the session by itself once it has ended, if nothing would be lost. */
  readonly removeWhenEnded: boolean;
  readonly restart: RestartRule;
  /** So long without output, while it works, is a failure; undefined: never. */
  readonly activityTimeoutMs?: number;
  /** Who waits for a place goes by this, higher first, then by who came first. */
  readonly priority: number;
}

/** Somebody asked for a new start: it is due while the session's attempt is still `afterAttempt`. */
export interface RestartRequest {
  readonly afterAttempt: number;
  readonly graceMs: number;
  readonly requestedAtMs: number;
  readonly by: string;
}

export type Desired =
  | { readonly state: "running"; readonly restart?: RestartRequest }
  | {
      readonly state: "stopped";
      readonly mode: "stop" | "kill";
      readonly graceMs: number;
      readonly requestedAtMs: number;
      /** Who asked, in words: "user", "session calm-otter", "supervisor stop --sessions". */
      readonly by: string;
      /** Its own end begins only when no child of it lives any more. */
      readonly childrenFirst?: true;
    }
  | {
      readonly state: "removed";
      readonly mode: "stop" | "kill";
      readonly graceMs: number;
      readonly requestedAtMs: number;
      readonly by: string;
      readonly force: boolean;
      /** Nothing of it is ended or removed while a child of it lives or is still to be removed. */
      readonly childrenFirst?: true;
    };

/** The ending of a tree that is under way. */
export interface Ending {
  /**
   * Why: somebody asked (for its end, or for a new start), the main process left others behind, the process host died,
   * or nothing was written for longer than the session's activity timeout.
   */
  readonly cause: "asked" | "restart" | "left-behind" | "host-lost" | "stalled";
  /** When SIGTERM was sent; undefined before. */
  readonly terminatedAtMs?: number;
  /** When SIGKILL was sent; undefined before. */
  readonly killedAtMs?: number;
  /** When a signal was last sent. */
  readonly signalledAtMs?: number;
  /** Those that were signalled so far, once each: the first MOST_ENDED_NAMED. */
  readonly ended: readonly TreeMember[];
}

export interface Observed {
  readonly phase: Phase;
  readonly reason: string;
  /** Counts from 1 with the first start; 0 before. */
  readonly attempt: number;
  /** Restarts by its policy so far, those included that are no longer counted against its bound. */
  readonly restarts: number;
  /** When its counted restarts were decided, ms since 1970, oldest first: those that still count. */
  readonly countedRestarts?: readonly number[];
  /** Doublings of the backoff so far; 0 or absent after HEALTHY_AFTER_MS of health. */
  readonly backoffStep?: number;
  /** BACKOFF: when the next start is due. */
  readonly nextStartAtMs?: number;
  /** PENDING: since when it waits for a place, ms since 1970; absent: since it was made. */
  readonly queuedAtMs?: number;
  /** PENDING: what it waits for, once that has been told. */
  readonly waitsFor?: "place" | "memory" | "leftovers";
  /** Its login may have passed (its process host died, or the machine was started anew): a start refreshes what is of it. */
  readonly loginPassed?: true;
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

export type MessageState = "queued" | "delivering" | "delivered" | "unconfirmed" | "failed";
/** Nothing more happens to a message in one of these. */
export const SETTLED_MESSAGE_STATES: ReadonlySet<MessageState> = new Set(["delivered", "unconfirmed", "failed"]);

/** Something to be typed into a session, once. */
export interface MessageRecord {
  readonly id: string;
  readonly sessionId: string;
  /** Order of arrival, over all messages; 0 until the store gives it. */
  readonly sequence: number;
  readonly createdAtMs: number;
  /** Who sent it, in words: "the user", "session calm-otter". */
  readonly by: string;
  readonly text: string;
  /** Pressed after the text (core/keys.ts). */
  readonly keys: readonly string[];
  /** Enter is pressed at the end, in a write of its own. */
  readonly enter: boolean;
  /** Does not wait until the session is idle. */
  readonly now: boolean;
  readonly state: MessageState;
  /** Why it is in this state. */
  readonly reason: string;
  /** The attempt and process host that it was handed to. */
  readonly attempt?: number;
  readonly hostId?: string;
  readonly deliveredAtMs?: number;
  /** Grows by one with each write. */
  readonly revision: number;
}

/** The screen of a session's terminal at one place of its stream: what the model goes on from. */
export interface ScreenSnapshot {
  readonly attempt: number;
  /** Stream offset behind the last record that is in it. */
  readonly offset: number;
  /** Bytes of that record's output which are no whole character or escape sequence yet: the model has not seen them. */
  readonly held: Uint8Array;
  readonly columns: number;
  readonly rows: number;
  /** Text and escape sequences that make the same screen, scrollback and modes on a fresh terminal. */
  readonly ansi: string;
  /** It has used the alternate screen or moved the cursor about: its raw output is no text. */
  readonly fullScreen: boolean;
}

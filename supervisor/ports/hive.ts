/**
 * Ports: what the rules need of the world, as small interfaces. A port never decides. Implemented in hive/ (this
 * machine), akasha/ (the store) and cortex/hive-link (a hive behind a connection); used by weaver, sessions and cortex.
 */
import type { Result } from "../../schemas/fault.ts";
import type {
  DeliveryStep,
  HostDelivered,
  HostedProcess,
  ProcessSpec,
  TerminalSize,
} from "../../schemas/host-protocol.ts";
import type { GapPayload, MarkerPayload, StreamKey } from "../../schemas/segment.ts";
import type { ProcessIdentity, TreeMember, TreeUsage, WorkspaceRecord } from "../core/session.ts";

export interface Started {
  readonly hostId: string;
  readonly process: HostedProcess;
}

/** The processes of one machine, as its process host knows them. */
export interface Processes {
  /** Starts it, or returns the one that this very start has already made. Names what it could not start and why. */
  start(spec: ProcessSpec): Promise<Result<Started>>;
  /** The process of this key and the host that says so; undefined when this host has never heard of it. */
  observe(key: StreamKey): Promise<Result<{ readonly hostId: string; readonly process: HostedProcess | undefined }>>;
  acknowledgeExit(key: StreamKey): Promise<Result<void>>;
  input(key: StreamKey, bytes: Uint8Array): Promise<Result<void>>;
  /**
   * Types a message, once (host-protocol.ts, `deliver`). `bytes` are those of all steps, in order. A fault says that
   * nothing was typed; `not-found` and `conflict` that the process is not there or has ended. Only with
   * `host-unavailable` nobody knows: the same host, asked again, joins the job or tells what became of it.
   */
  deliver(key: StreamKey, message: Delivery, bytes: Uint8Array): Promise<Result<HostDelivered>>;
  closeInput(key: StreamKey): Promise<Result<void>>;
  resize(key: StreamKey, size: TerminalSize): Promise<Result<void>>;
  /** To the main process alone. */
  signal(key: StreamKey, signal: string): Promise<Result<void>>;
  appendMarker(key: StreamKey, marker: MarkerPayload): Promise<Result<void>>;
  appendGap(key: StreamKey, gap: GapPayload): Promise<Result<void>>;
  /** Deletes the session's streams. Refused while one of its processes runs. */
  forgetSession(sessionId: string): Promise<Result<void>>;
}

export interface Delivery {
  readonly messageId: string;
  readonly marker: MarkerPayload & { readonly marker: "message" };
  readonly steps: readonly DeliveryStep[];
}

/** All processes that belong to a session, those that left its group included. */
export interface Trees {
  /**
   * Sends a signal to every member and returns those that it was sent to. `main` may be undefined when it is not known
   * to live. The supervisor, the process host and what they start for others are never members.
   */
  signal(sessionId: string, main: ProcessIdentity | undefined, signal: string): Promise<Result<readonly TreeMember[]>>;
  members(sessionId: string, main: ProcessIdentity | undefined): Promise<Result<readonly TreeMember[]>>;
  /**
   * CPU, memory and process count of each session's tree, from one pass over the system's process table; with `io` what
   * it reads and writes too, which costs a file of each process.
   */
  usage(
    sessions: readonly { readonly sessionId: string; readonly main: ProcessIdentity }[],
    options: { readonly io: boolean },
  ): Promise<Result<readonly TreeUsage[]>>;
}

/** The folder that a session works in. Every method may be repeated. */
export interface Workspaces {
  /** Where a session would work: finds the repository around `folder`. Makes nothing. */
  plan(request: {
    readonly sessionId: string;
    readonly sessionName: string;
    readonly folder: string;
    readonly scratch: boolean;
    readonly withChanges: boolean;
  }): Promise<Result<{ readonly workspace: WorkspaceRecord; readonly warnings: readonly string[] }>>;
  /** Makes what `plan` described, or finds it made. */
  prepare(sessionId: string, workspace: WorkspaceRecord): Promise<Result<WorkspaceRecord>>;
  /** What a removal would lose: changed and untracked files, commits on no other branch. Empty when nothing. */
  unsavedWork(workspace: WorkspaceRecord): Promise<Result<readonly string[]>>;
  /** With `force`, work that would be lost is first saved under refs/overmind/trash/<session id>. */
  remove(
    sessionId: string,
    workspace: WorkspaceRecord,
    options: { readonly force: boolean },
  ): Promise<Result<{ readonly savedAs?: string }>>;
}

/** Bytes of streams, live or from disk. */
export interface Streams {
  /** Which streams of a session are on disk, in order of attempt; with `only` that one, at the cost of one. */
  list(sessionId: string, only?: Pick<StreamKey, "process" | "attempt">): Promise<Result<readonly StreamExtent[]>>;
  /**
   * Whole records from `fromOffset` on, at most `maxBytes` (at least one record). Empty at the end. `offset` is where
   * they begin: later than asked for when older ones have been dropped.
   */
  read(key: StreamKey, fromOffset: number, maxBytes: number): Promise<Result<StreamPart>>;
  /** The offset from which on a stream holds its last `lines` lines of output (counted by line feeds). */
  offsetOfLastLines(key: StreamKey, lines: number): Promise<Result<number>>;
  /** The offset of the first record at or after a time in ms since 1970. */
  offsetOfTime(key: StreamKey, timeMs: number): Promise<Result<number>>;
  /**
   * Follows a stream from `fromOffset` on. `onData` gets whole records in order without holes, except those that have
   * been dropped from disk, which `onDropped` tells. At most `creditBytes` are sent before `credit` gives more. A
   * record is never cut: the last one may go beyond the credit, and what `credit` gives next pays for it.
   */
  follow(key: StreamKey, fromOffset: number, creditBytes: number, follower: StreamFollower): StreamSubscription;
}

export interface StreamExtent {
  readonly key: StreamKey;
  /** Offset of the first record still on disk: so many bytes of the stream have been dropped. */
  readonly firstOffset: number;
  readonly endOffset: number;
}

export interface StreamPart {
  readonly offset: number;
  /** Whole records (schemas/segment.ts). */
  readonly bytes: Uint8Array;
}

export interface StreamFollower {
  onData(part: StreamPart): void;
  onDropped(offset: number): void;
  /** The stream can not be followed any further (its session was removed, the hive is gone). */
  onEnd(): void;
}

export interface StreamSubscription {
  credit(bytes: number): void;
  dispose(): void;
}

/** The machine itself. */
export interface Machine {
  /** What programs could still be given without swapping, and all there is. */
  memory(): Promise<Result<{ readonly freeBytes: number; readonly totalBytes: number }>>;
  /**
   * Variables of the user's present login that a session may hold from an earlier one (core/environment.ts,
   * LOGIN_VARIABLES): those that are set now.
   */
  loginEnvironment(): Promise<Result<Readonly<Record<string, string>>>>;
}

/** What a hive tells of itself, unasked. It announces; whoever hears it looks again. */
export interface HiveEvents {
  onExit(listener: (process: HostedProcess) => void): Disposable;
  /** Output came or went on a stream: at most every 250 ms a stream. */
  onActivity(
    listener: (activity: readonly { readonly key: StreamKey; readonly lastOutputMs: number }[]) => void,
  ): Disposable;
  /** A process host is connected (again, or another one): everything must be looked at anew. */
  onHost(listener: (hostId: string) => void): Disposable;
}

/** One machine. */
export interface Hive extends HiveEvents {
  readonly id: string;
  readonly processes: Processes;
  readonly trees: Trees;
  readonly workspaces: Workspaces;
  readonly streams: Streams;
  readonly machine: Machine;
}

export interface Disposable {
  dispose(): void;
}

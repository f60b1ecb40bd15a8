/**
 * What the supervisor and its process host say to each other, in frames (frame.ts) over the host's socket. The host
 * outlives supervisors and their versions: this protocol only grows, and stays compatible one version back.
 *
 * The first message of a connection is `hello` with an epoch. The host obeys the connection with the highest epoch and
 * closes any other, so that a supervisor that comes back from the dead commands nothing.
 */
import type { ExitPayload, GapPayload, MarkerPayload, StreamKey } from "./segment.ts";

export const HOST_PROTOCOL_VERSION = 1;
/** The oldest version whose controller this host still obeys. */
export const HOST_PROTOCOL_OLDEST = 1;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ProcessSpec {
  readonly key: StreamKey;
  /** Program and arguments; the program is looked up in the PATH of `environment`. */
  readonly argv: readonly string[];
  /** Absolute path of an existing folder. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** A pseudo-terminal, or plain pipes for programs that speak a protocol on stdio. */
  readonly stdio: "terminal" | "pipes";
  readonly size: TerminalSize;
}

/** What the host knows of one process it started. It is kept until the exit has been acknowledged. */
export interface HostedProcess {
  readonly key: StreamKey;
  readonly pid: number;
  /**
   * The system's own start time of the pid (Linux: clock ticks since boot), so that a reused pid is not mistaken. Empty
   * when the process was gone before it could be asked.
   */
  readonly startTime: string;
  readonly startedAtMs: number;
  /** Undefined while it runs. */
  readonly exit?: ExitPayload & { readonly atMs: number };
  /** Stream offset behind the last record on disk. */
  readonly endOffset: number;
  /** Time of the last record that is the program's own output, or 0. */
  readonly lastOutputMs: number;
  readonly stdio: "terminal" | "pipes";
}

/** Requests carry an `id` and get exactly one `reply`; the others get none. */
export type ControllerMessage =
  | {
      readonly type: "hello";
      readonly id: number;
      readonly protocol: number;
      readonly oldest: number;
      readonly epoch: number;
      readonly version: string;
    }
  /** Replied with a list of HostedProcess: those that run, and those whose exit is not acknowledged. */
  | { readonly type: "list"; readonly id: number }
  | { readonly type: "start"; readonly id: number; readonly spec: ProcessSpec }
  /** Raw bytes behind the frame go to the program's input. */
  | { readonly type: "input"; readonly id: number; readonly key: StreamKey }
  /**
   * Types a message: the marker into the stream, then the steps, one after the other; the raw bytes behind the frame are
   * theirs, in order. It is one job under the message's id: asked for again while it is under way or done, it answers as
   * the first (HostDelivered), whatever has become of the process, and types nothing. Jobs of one process are done one
   * after the other. A fault says that nothing of it was typed, and it may be asked for again.
   */
  | {
      readonly type: "deliver";
      readonly id: number;
      readonly key: StreamKey;
      readonly messageId: string;
      readonly marker: MarkerPayload;
      readonly steps: readonly DeliveryStep[];
    }
  /** Closes the program's stdin; on a terminal it types ^D. */
  | { readonly type: "close-input"; readonly id: number; readonly key: StreamKey }
  | { readonly type: "resize"; readonly id: number; readonly key: StreamKey; readonly size: TerminalSize }
  /** To the main process alone; trees are ended by the supervisor, which knows them. */
  | { readonly type: "signal"; readonly id: number; readonly key: StreamKey; readonly signal: string }
  /** Appends to the stream, which is opened (its torn tail cut) when no process of it is hosted. */
  | { readonly type: "append"; readonly id: number; readonly key: StreamKey; readonly record: AppendedRecord }
  | { readonly type: "acknowledge-exit"; readonly id: number; readonly key: StreamKey }
  /** Deletes all streams of a session that has no running process. */
  | { readonly type: "forget-session"; readonly id: number; readonly sessionId: string }
  /**
   * Asks for the stream's records as `data`, live: from the end on, while `creditBytes` last. The files are the truth,
   * and the host reads none of them for a subscriber that is behind. Precisely, a subscription is live
   * - from its reply (HostSubscribed) on, when `fromOffset` is the end of the stream, or less than MAX_CATCH_UP_BYTES
   *   before it in the segment that is being written and within the credit: what lies between is sent first;
   * - until a batch does not fit what is left of the credit, or the connection is congested. It is over then, without a
   *   message: credit no longer revives it, and the stream's growth is told by `offsets` alone. The reader catches up
   *   from the files and subscribes again from its new offset, which replaces the old subscription.
   * `data` frames join without holes: one whose `offset` is not the reader's next says that it missed some, and it
   * reads those from the files.
   */
  | {
      readonly type: "subscribe";
      readonly id: number;
      readonly key: StreamKey;
      readonly fromOffset: number;
      readonly creditBytes: number;
    }
  | { readonly type: "credit"; readonly key: StreamKey; readonly bytes: number }
  | { readonly type: "unsubscribe"; readonly key: StreamKey }
  | { readonly type: "limits"; readonly id: number; readonly sessionLogBytes: number; readonly totalLogBytes: number }
  /** Ends the host. Refused while a process runs or an exit is not acknowledged. */
  | { readonly type: "shutdown"; readonly id: number };

export interface DeliveryStep {
  /** How many of the raw bytes are written in this step, as one write. */
  readonly bytes: number;
  /** Then nothing is typed for so long, at most MAX_DELIVERY_PAUSE_MS. */
  readonly pauseMs: number;
}

export type AppendedRecord =
  | { readonly kind: "marker"; readonly payload: MarkerPayload }
  | { readonly kind: "gap"; readonly payload: GapPayload };

export type HostMessage =
  | { readonly type: "reply"; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly type: "reply"; readonly id: number; readonly ok: false; readonly fault: import("./fault.ts").Fault }
  /** Raw bytes behind the frame are whole records of the stream from `offset` on, already on disk. */
  | { readonly type: "data"; readonly key: StreamKey; readonly offset: number }
  /**
   * Streams that have grown, at most one notice a stream each OFFSET_NOTICE_INTERVAL_MS, the first at once; sent for
   * every stream that is not being sent as data. Readers catch up from the files; activity is told from it.
   */
  | {
      readonly type: "offsets";
      readonly streams: readonly {
        readonly key: StreamKey;
        readonly endOffset: number;
        readonly lastOutputMs: number;
      }[];
    }
  | { readonly type: "exit"; readonly process: HostedProcess }
  /** The subscriber's next offset is no longer on disk: reading goes on at `offset`. */
  | { readonly type: "dropped"; readonly key: StreamKey; readonly offset: number };

/** Reply to `hello`. */
export interface HostHello {
  readonly protocol: number;
  readonly version: string;
  readonly pid: number;
  readonly startTime: string;
  /** Random, new with each host: says whether a process that was recorded is this host's to report on. */
  readonly hostId: string;
  readonly processes: readonly HostedProcess[];
}

/** Reply to `start`. `existing` is true when this very start had already been made (a supervisor's repeat). */
export interface HostStarted {
  readonly process: HostedProcess;
  readonly existing: boolean;
}

/** Reply to `deliver`. */
export interface HostDelivered {
  /** `interrupted`: the program ended between the steps, or the terminal took no more. */
  readonly outcome: "delivered" | "interrupted";
  /** When the last step was written. */
  readonly atMs: number;
}

/** Reply to `subscribe`. */
export interface HostSubscribed {
  /** Where the stream ends on disk; null when the host does not have it open. */
  readonly endOffset: number | null;
  /** False: the reader is behind. It reads the files and subscribes again from where it came to. */
  readonly live: boolean;
}

/** How far behind a subscriber may be and still be sent what it lacks, so that one that follows a flood can meet its end. */
export const MAX_CATCH_UP_BYTES = 1 << 20;
/** Twice in each second that idle is told from (1.5 s), and rarer than a person can see. */
export const OFFSET_NOTICE_INTERVAL_MS = 250;
/** Longer than any program needs between a paste and its Enter. */
export const MAX_DELIVERY_PAUSE_MS = 10_000;
export const MAX_DELIVERY_STEPS = 100;
/** Input that a program has not read yet; more is refused as `busy`. */
export const MAX_PENDING_INPUT_BYTES = 1 << 20;

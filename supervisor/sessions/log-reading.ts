/** What reading a session's log takes and gives, whether it follows or not. */

import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Streams } from "../ports/hive.ts";

/** One message to a client: large enough that headers cost nothing, small enough that other sessions get their turn. */
export const BATCH_BYTES = 256 << 10;

export type LogStart =
  | { readonly lines: number }
  | { readonly sinceMs: number }
  | { readonly attempt: number; readonly offset: number }
  | { readonly start: true };

export type LogEnd = "end" | "removed" | "hive-lost";

/** Whoever reads. It is never sent more than the credit it gave. */
export interface LogSink {
  /** Whole records of the attempt's stream, from `offset` on. */
  data(attempt: number, offset: number, bytes: Uint8Array): void;
  /** What lies before `offset` is no longer kept; reading goes on there. */
  dropped(attempt: number, offset: number): void;
  /** The last that it hears. */
  end(reason: LogEnd): void;
  /** True while it has much unread: nothing should be sent until `drained` resolves. */
  readonly saturated: boolean;
  drained(): Promise<void>;
}

/** The session as far as its log goes. */
export interface FollowedSession {
  readonly id: string;
  /** Undefined once it has been removed. */
  state(): FollowedState | undefined;
  /** Hears of whatever may change its state. */
  onChange(listener: () => void): Disposable;
}

export interface FollowedState {
  /** The latest attempt whose process has been started; 0 before the first. */
  readonly attempt: number;
  /** No further start is due. */
  readonly ended: boolean;
  /** All that the supervisor writes into the log of what has happened is in it. */
  readonly settled: boolean;
  /** It is being removed, its log with it. */
  readonly removing: boolean;
}

export interface LogRequest {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly log: Log;
  readonly session: FollowedSession;
  readonly process: string;
  readonly from: LogStart;
  /** Bytes of records that may be sent before `credit` gives more. */
  readonly creditBytes: number;
  readonly sink: LogSink;
}

export interface LogReading extends Disposable {
  /** Nothing is sent before. */
  begin(): void;
  credit(bytes: number): void;
}

/** The transitions of an end are written behind it, soon: so often they are looked for, and so long waited for. */
export const SETTLE_RECHECK_MS = 5;
export const SETTLE_PATIENCE_MS = 1000;

/**
 * The store of record. Every write is one transaction and durable when the call returns. Reads and writes throw a
 * FaultError (`store-unavailable`, `disk-full`, `conflict`): every caller would only pass it on to its fence.
 */
import type { ObservedChange } from "../core/plan-session.ts";
import type { Desired, Phase, SessionRecord, Transition, WorkspaceRecord } from "../core/session.ts";
import type { Disposable } from "./hive.ts";

export interface NewTransition {
  readonly atMs: number;
  readonly to: Phase;
  readonly reason: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** What a write changes; what is absent stays. Phase and reason change through `transition` alone. */
export interface SessionChange {
  readonly name?: string;
  readonly desired?: Desired;
  readonly workspace?: WorkspaceRecord;
  readonly observed?: ObservedChange;
  readonly transition?: NewTransition;
}

export interface SessionFilter {
  /** Only sessions whose phase has not ended. */
  readonly living?: boolean;
  readonly colony?: string;
}

/** Something that happened, for `events` and subscribers. It announces; nothing is done because of it. */
export interface StoredEvent {
  /** Grows over all events of this store. */
  readonly id: number;
  readonly atMs: number;
  readonly hiveId: string;
  /** `session.created`, `session.transition`, `session.removed`, `supervisor.started`, `host.lost`, ... */
  readonly kind: string;
  readonly sessionId?: string;
  readonly sessionName?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type NewEvent = Omit<StoredEvent, "id" | "hiveId">;

export interface Store {
  /** The id of this machine's hive: made once, kept for ever. */
  readonly hiveId: string;
  /** Refused as `conflict` when a living session has the name. The record's first transition and event are written too. */
  createSession(record: SessionRecord, reason: string): SessionRecord;
  session(id: string): SessionRecord | undefined;
  sessions(filter?: SessionFilter): readonly SessionRecord[];
  /** Whose id is, or begins with, `text`, or whose name it is. For resolving what people type. */
  sessionsMatching(text: string): readonly SessionRecord[];
  sessionByToken(token: string): SessionRecord | undefined;
  /** `revision` is the one that the change was decided on: a later one in the store is a `conflict`. */
  changeSession(id: string, revision: number, change: SessionChange): SessionRecord;
  /** The session's transitions in order. */
  transitions(sessionId: string): readonly Transition[];
  /** Transitions whose marker is not known to stand in the session's log, oldest first. */
  unmarkedTransitions(sessionId: string): readonly Transition[];
  markTransitions(ids: readonly number[]): void;
  /** Deletes the session's rows and writes the event; its events stay. Does nothing when it is already gone. */
  removeSession(id: string, atMs: number, data: Readonly<Record<string, unknown>>): void;
  appendEvent(event: NewEvent): StoredEvent;
  /** Events after `afterId`, oldest first, at most `limit`. With `sessionId` only that session's. */
  events(query: {
    readonly afterId?: number;
    readonly limit: number;
    readonly sessionId?: string;
  }): readonly StoredEvent[];
  /** The newest events' first id such that `count` follow: for "the last N". */
  eventIdBeforeLast(count: number): number;
  /** Counts up with each supervisor that takes this store; the process host obeys the highest. */
  nextEpoch(): number;
  /**
   * Hears of every committed write of a session or an event, after it and in the order of the writes. `sessionId` is
   * given when that session's record was made, changed or removed. What a listener throws harms nobody else.
   */
  onChange(listener: (change: { readonly sessionId?: string; readonly event?: StoredEvent }) => void): Disposable;
  close(): void;
}

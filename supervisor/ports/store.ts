/**
 * The store of record. Every write is one transaction and, where not said otherwise, durable when the call returns.
 * Reads and writes throw a FaultError (`store-unavailable`, `disk-full`, `conflict`): every caller would only pass it on
 * to its fence.
 */

import type {
  Desired,
  MessageRecord,
  MessageState,
  Phase,
  ScreenSnapshot,
  SessionRecord,
  Transition,
  WorkspaceRecord,
} from "../core/session.ts";
import type { ObservedChange } from "../core/session-action.ts";
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

export interface MessageChange {
  readonly state: MessageState;
  readonly reason: string;
  readonly atMs: number;
  readonly attempt?: number;
  readonly hostId?: string;
  readonly deliveredAtMs?: number;
}

/** A session that is sent more than it takes in is stuck; whoever sends is told so. */
export const MOST_QUEUED_MESSAGES = 1000;
export const MOST_SETTLED_MESSAGES = 1000;
/** Of one session: hours of a crash loop at its longest backoff, and more than anybody reads. */
export const MOST_TRANSITIONS = 1000;

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

export interface StoreChange {
  readonly sessionId?: string;
  readonly message?: MessageRecord;
  readonly event?: StoredEvent;
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
  /**
   * `revision` is the one that the change was decided on: a later one in the store is a `conflict`, and so is a name that
   * a living session has, also when an ended session is made living again. A new name writes `session.renamed`.
   */
  changeSession(id: string, revision: number, change: SessionChange): SessionRecord;
  /**
   * The session's transitions in order. Of those whose marker stands in the log the newest MOST_TRANSITIONS are kept,
   * and a batch more; one that is unmarked is never dropped.
   */
  transitions(sessionId: string): readonly Transition[];
  /** Transitions whose marker is not known to stand in the session's log, oldest first. */
  unmarkedTransitions(sessionId: string): readonly Transition[];
  /** May be lost with the machine: then the markers are appended once more, and those that are there are not doubled. */
  markTransitions(ids: readonly number[]): void;
  /** Deletes the session's rows and writes the event; its events stay. Does nothing when it is already gone. */
  removeSession(id: string, atMs: number, data: Readonly<Record<string, unknown>>): void;
  /**
   * Refused as `busy` when the session has MOST_QUEUED_MESSAGES that are not settled, as `conflict` when it is gone. A
   * message of this id that is there already is returned as it is: whoever sends it again sends nothing twice. Of the
   * settled ones the newest MOST_SETTLED_MESSAGES of a session are kept, and a batch more. Writes the event
   * `message.queued`.
   */
  createMessage(message: MessageRecord): MessageRecord;
  message(id: string): MessageRecord | undefined;
  /** Of one session, in order of arrival; with `unsettled` those alone to which something still happens. */
  messages(sessionId: string, filter?: { readonly unsettled?: boolean }): readonly MessageRecord[];
  /** The newest to arrive of those of a session that were delivered and had to wait for their turn. */
  lastInTurn(sessionId: string): MessageRecord | undefined;
  /** Sessions that have messages to which something still happens. */
  sessionsWithMessages(): readonly string[];
  /**
   * `revision` is the one that the change was decided on: a later one in the store is a `conflict`, and so is a message
   * that is settled or gone. Writes an event `message.<state>` when the state changes.
   */
  changeMessage(id: string, revision: number, change: MessageChange): MessageRecord;
  /**
   * One a session: a later one replaces it. Nothing is told of it. It goes with its session; ignored once that is gone.
   * May be lost with the machine, not with the supervisor.
   */
  saveScreen(sessionId: string, screen: ScreenSnapshot): void;
  screen(sessionId: string): ScreenSnapshot | undefined;
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
   * given when that session's record was made, changed or removed, `message` when one of its messages was. What a
   * listener throws harms nobody else.
   */
  onChange(listener: (change: StoreChange) => void): Disposable;
  close(): void;
}

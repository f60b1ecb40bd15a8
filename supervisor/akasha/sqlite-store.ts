/**
 * Akasha: the store of record, on SQLite. Writes are transactions, durable when they return. It decides nothing, starts
 * nothing and reads no clock; it never deletes or overwrites a file that it cannot read. main.ts alone may import it.
 *
 * The home's lock makes this process the only writer, so that sessions are read from memory: a record is parsed once,
 * when it is written or loaded, and a listing of hundreds parses nothing. Transitions and events are read from disk.
 */
import type { Database } from "better-sqlite3";
import { FaultError, failed, ok, type Result } from "../../schemas/fault.ts";
import { hasEnded, type SessionRecord, type Transition } from "../core/session.ts";
import type { Log } from "../ports/clock.ts";
import type { Disposable } from "../ports/hive.ts";
import type { NewEvent, SessionChange, SessionFilter, Store, StoredEvent } from "../ports/store.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { type DatabaseOptions, openDatabase } from "./open-database.ts";
import {
  changeableColumns,
  changeableOf,
  eventOf,
  eventRow,
  sessionOf,
  sessionRow,
  transitionOf,
  transitionRow,
} from "./rows.ts";
import {
  changedSession,
  createdEvent,
  firstTransition,
  nameTaken,
  removedEvent,
  sessionGone,
  staleWrite,
  transitionBetween,
  transitionEvent,
} from "./session-change.ts";
import { SessionShelf } from "./session-shelf.ts";
import { storeClosed, storeFault } from "./sqlite-fault.ts";
import { prepareStatements, type Statements } from "./statements.ts";

/** About 50 MB, and weeks of a busy machine. Older events are deleted. */
export const KEPT_EVENTS = 200_000;
/** Events are deleted so many at a time: seldom enough to cost nothing, few enough not to be felt. */
export const EVENTS_DELETED_AT_ONCE = 1000;

export interface StoreOptions extends DatabaseOptions {
  /** Is told what a listener threw. */
  readonly log?: Pick<Log, "error">;
}

/** Opens or makes the store. A fault names the file and the next step; the file is as it was. */
export function openSqliteStore(options: StoreOptions): Result<Store> {
  const opened = openDatabase(options);
  if (!opened.ok) return opened;
  try {
    return ok(new SqliteStore(opened.value, options.log));
  } catch (error) {
    opened.value.close();
    const known = storeFault(error, options.path);
    if (known === undefined) throw error;
    return failed(known);
  }
}

class SqliteStore implements Store {
  readonly hiveId: string;
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #sessions = new SessionShelf();
  readonly #listeners: ChangeListeners;
  readonly #transaction: { immediate(work: () => unknown): unknown };

  constructor(database: Database, log: Pick<Log, "error"> | undefined) {
    this.#database = database;
    this.#statements = prepareStatements(database);
    this.#listeners = new ChangeListeners((error) => {
      log?.error("a listener of the store failed", { stack: error instanceof Error ? error.stack : String(error) });
    });
    this.#transaction = database.transaction((work: () => unknown) => work());
    this.hiveId = this.#statements.hiveId.get() ?? "";
    for (const row of this.#statements.loadSessions.iterate()) this.#sessions.put(sessionOf(row));
  }

  createSession(record: SessionRecord, reason: string): SessionRecord {
    const row = sessionRow({ ...record, revision: 1, observed: { ...record.observed, reason } });
    // Read back from what was written: the caller keeps no hand on it, and a restart reads exactly the same.
    const session = sessionOf(row);
    const event = this.#write(() => {
      this.#named(session, () => this.#statements.insertSession.run(row));
      this.#statements.insertSpec.run(row);
      this.#statements.insertTransition.run(transitionRow(firstTransition(session, reason), session.hiveId));
      return this.#insertEvent(createdEvent(session, reason));
    });
    this.#sessions.put(session);
    this.#listeners.tell({ sessionId: session.id, event });
    return session;
  }

  changeSession(id: string, revision: number, change: SessionChange): SessionRecord {
    const before = this.#sessions.get(id);
    if (before === undefined) throw new FaultError(sessionGone(id));
    if (before.revision !== revision) throw new FaultError(staleWrite(before));
    const columns = changeableColumns(changedSession(before, change));
    const session = { ...before, ...changeableOf(columns) };
    const event = this.#write(() => {
      const row = { ...columns, id, revision_before: revision };
      const { changes } = this.#named(session, () => this.#statements.updateSession.run(row));
      if (changes !== 1) throw new FaultError(staleWrite(before));
      if (change.transition === undefined) return undefined;
      const transition = transitionBetween(before, session, change.transition);
      this.#statements.insertTransition.run(transitionRow(transition, session.hiveId));
      return this.#insertEvent(transitionEvent(session, transition));
    });
    this.#sessions.put(session);
    this.#listeners.tell({ sessionId: id, ...(event === undefined ? {} : { event }) });
    return session;
  }

  removeSession(id: string, atMs: number, data: Readonly<Record<string, unknown>>): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    const event = this.#write(() => {
      this.#statements.deleteSession.run(id);
      return this.#insertEvent(removedEvent(session, atMs, data));
    });
    this.#sessions.remove(session);
    this.#listeners.tell({ sessionId: id, event });
  }

  session(id: string): SessionRecord | undefined {
    return this.#sessions.get(id);
  }

  sessions(filter: SessionFilter = {}): readonly SessionRecord[] {
    return this.#sessions.list(filter);
  }

  sessionsMatching(text: string): readonly SessionRecord[] {
    return this.#sessions.matching(text);
  }

  sessionByToken(token: string): SessionRecord | undefined {
    return this.#sessions.byToken(token);
  }

  transitions(sessionId: string): readonly Transition[] {
    return this.#guard(() => this.#statements.transitionsOf.all(sessionId).map(transitionOf));
  }

  unmarkedTransitions(sessionId: string): readonly Transition[] {
    return this.#guard(() => this.#statements.unmarkedTransitionsOf.all(sessionId).map(transitionOf));
  }

  markTransitions(ids: readonly number[]): void {
    this.#write(() => {
      for (const id of ids) this.#statements.markTransition.run(id);
    });
  }

  appendEvent(event: NewEvent): StoredEvent {
    const stored = this.#write(() => this.#insertEvent({ ...event, hiveId: this.hiveId }));
    this.#listeners.tell({ event: stored });
    return stored;
  }

  events(query: {
    readonly afterId?: number;
    readonly limit: number;
    readonly sessionId?: string;
  }): readonly StoredEvent[] {
    const { limit, sessionId } = query;
    const after = query.afterId ?? 0;
    const { eventsAfter, eventsOfSessionAfter } = this.#statements;
    return this.#guard(() => {
      if (sessionId === undefined) return eventsAfter.all({ after, limit }).map(eventOf);
      return eventsOfSessionAfter.all({ after, limit, session_id: sessionId }).map(eventOf);
    });
  }

  eventIdBeforeLast(count: number): number {
    return this.#guard(() => this.#statements.eventIdBeforeLast.get(count) ?? 0);
  }

  nextEpoch(): number {
    return this.#write(() => this.#statements.nextEpoch.get() ?? 0);
  }

  onChange(listener: Parameters<Store["onChange"]>[0]): Disposable {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#database.close();
  }

  #insertEvent(event: Omit<StoredEvent, "id">): StoredEvent {
    const row = eventRow(event);
    const id = Number(this.#statements.insertEvent.run(row).lastInsertRowid);
    if (id % EVENTS_DELETED_AT_ONCE === 0) this.#statements.deleteEventsUpTo.run(id - KEPT_EVENTS);
    return eventOf({ ...row, id });
  }

  /** The index over the names of the living decides; this only tells it in our words. */
  #named<T>(session: SessionRecord, write: () => T): T {
    try {
      return write();
    } catch (error) {
      const taken = error instanceof Error && error.message === "UNIQUE constraint failed: sessions.name";
      if (!taken || hasEnded(session.observed.phase)) throw error;
      throw new FaultError(nameTaken(session.name));
    }
  }

  /** One transaction. When it throws nothing has been written, and the next one may succeed. */
  #write<T>(work: () => T): T {
    return this.#guard(() => this.#transaction.immediate(work) as T);
  }

  #guard<T>(work: () => T): T {
    const path = this.#database.name;
    if (!this.#database.open) throw new FaultError(storeClosed(path));
    try {
      return work();
    } catch (error) {
      const known = storeFault(error, path);
      if (known === undefined) throw error;
      throw new FaultError(known);
    }
  }
}

/**
 * Akasha: the store of record, on SQLite. Writes are transactions, durable when they return. It decides nothing, starts
 * nothing and reads no clock but the one it is given; it never deletes or overwrites a file that it cannot read. main.ts alone may import it.
 *
 * The home's lock makes this process the only writer, so that sessions are read from memory: a record is parsed once,
 * when it is written or loaded, and a listing of hundreds parses nothing. Transitions and events are read from disk.
 */
import type { Database } from "better-sqlite3";
import { FaultError, failed, ok, type Result } from "../../schemas/fault.ts";
import {
  hasEnded,
  type MessageRecord,
  type ScreenSnapshot,
  type SessionRecord,
  type Transition,
} from "../core/session.ts";
import type { Log } from "../ports/clock.ts";
import type { Disposable } from "../ports/hive.ts";
import {
  type MessageChange,
  MOST_TRANSITIONS,
  type NewEvent,
  type SessionChange,
  type SessionFilter,
  type Store,
  type StoredEvent,
} from "../ports/store.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { EventLog } from "./event-log.ts";
import { screenOf, screenRow } from "./message-rows.ts";
import { MessageStore } from "./message-store.ts";
import { type DatabaseOptions, openDatabase } from "./open-database.ts";
import { PruningTurns } from "./pruning-turns.ts";
import { changeableColumns, changeableOf, sessionOf, sessionRow, transitionOf, transitionRow } from "./rows.ts";
import {
  changedSession,
  createdEvent,
  firstTransition,
  nameTaken,
  removedEvent,
  renamedEvent,
  sessionGone,
  staleWrite,
  transitionBetween,
  transitionEvent,
} from "./session-change.ts";
import { SessionShelf } from "./session-shelf.ts";
import { storeFault } from "./sqlite-fault.ts";
import { prepareStatements, type Statements } from "./statements.ts";
import { Transactions } from "./transactions.ts";

/** Transitions are deleted about so many at a time. */
const TRANSITIONS_DELETED_AT_ONCE = 100;

export interface StoreOptions extends DatabaseOptions {
  /** Is told what a listener threw. */
  readonly log?: Pick<Log, "error">;
}

/** Opens or makes the store. A fault names the file and the next step; the file is as it was. */
export function openSqliteStore(options: StoreOptions): Result<Store> {
  const opened = openDatabase(options);
  if (!opened.ok) return opened;
  try {
    return ok(new SqliteStore(opened.value, options));
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
  readonly #transactions: Transactions;
  readonly #sessions = new SessionShelf();
  readonly #events: EventLog;
  readonly #messages: MessageStore;
  readonly #pruning = new PruningTurns(TRANSITIONS_DELETED_AT_ONCE);
  readonly #listeners: ChangeListeners;
  readonly #now: () => number;

  constructor(database: Database, { log, now }: Pick<StoreOptions, "log" | "now">) {
    this.#database = database;
    this.#now = now;
    const statements = prepareStatements(database);
    this.#statements = statements;
    const transactions = new Transactions(database);
    this.#transactions = transactions;
    const listeners = new ChangeListeners((error) => {
      log?.error("a listener of the store failed", { stack: error instanceof Error ? error.stack : String(error) });
    });
    this.#listeners = listeners;
    const events = new EventLog(statements);
    this.#events = events;
    this.hiveId = statements.hiveId.get() ?? "";
    for (const row of statements.loadSessions.iterate()) this.#sessions.put(sessionOf(row));
    this.#messages = new MessageStore({ statements, transactions, events, sessions: this.#sessions, listeners });
  }

  createSession(record: SessionRecord, reason: string): SessionRecord {
    const row = sessionRow({ ...record, revision: 1, observed: { ...record.observed, reason } });
    // Read back from what was written: the caller keeps no hand on it, and a restart reads exactly the same.
    const session = sessionOf(row);
    const event = this.#transactions.write(() => {
      this.#named(session, () => this.#statements.insertSession.run(row));
      this.#statements.insertSpec.run(row);
      this.#statements.insertTransition.run(transitionRow(firstTransition(session, reason), session.hiveId));
      return this.#events.append(createdEvent(session, reason));
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
    const events = this.#transactions.write(() => {
      const row = { ...columns, id, revision_before: revision };
      const { changes } = this.#named(session, () => this.#statements.updateSession.run(row));
      if (changes !== 1) throw new FaultError(staleWrite(before));
      return [...this.#recordName(before, session), ...this.#recordTransition(before, session, change)];
    });
    this.#sessions.put(session);
    if (events.length === 0) this.#listeners.tell({ sessionId: id });
    for (const event of events) this.#listeners.tell({ sessionId: id, event });
    return session;
  }

  removeSession(id: string, atMs: number, data: Readonly<Record<string, unknown>>): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    const event = this.#transactions.write(() => {
      this.#statements.deleteSession.run(id);
      return this.#events.append(removedEvent(session, atMs, data));
    });
    this.#sessions.remove(session);
    this.#messages.removeSession(id);
    this.#pruning.removeSession(id);
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
    return this.#transactions.read(() => this.#statements.transitionsOf.all(sessionId).map(transitionOf));
  }

  unmarkedTransitions(sessionId: string): readonly Transition[] {
    return this.#transactions.read(() => this.#statements.unmarkedTransitionsOf.all(sessionId).map(transitionOf));
  }

  markTransitions(ids: readonly number[]): void {
    this.#transactions.writeCache(() => {
      for (const id of ids) this.#statements.markTransition.run(id);
    });
  }

  createMessage(message: MessageRecord): MessageRecord {
    return this.#messages.create(message);
  }

  message(id: string): MessageRecord | undefined {
    return this.#messages.get(id);
  }

  messages(sessionId: string, filter: { readonly unsettled?: boolean } = {}): readonly MessageRecord[] {
    return this.#messages.list(sessionId, filter);
  }

  lastInTurn(sessionId: string): MessageRecord | undefined {
    return this.#messages.lastInTurn(sessionId);
  }

  sessionsWithMessages(): readonly string[] {
    return this.#messages.sessionsWithMessages();
  }

  changeMessage(id: string, revision: number, change: MessageChange): MessageRecord {
    return this.#messages.change(id, revision, change);
  }

  saveScreen(sessionId: string, screen: ScreenSnapshot): void {
    if (this.#sessions.get(sessionId) === undefined) return;
    this.#transactions.writeCache(() => void this.#statements.saveScreen.run(screenRow(sessionId, screen)));
  }

  screen(sessionId: string): ScreenSnapshot | undefined {
    const row = this.#transactions.read(() => this.#statements.screenOf.get(sessionId));
    return row === undefined ? undefined : screenOf(row);
  }

  appendEvent(event: NewEvent): StoredEvent {
    const stored = this.#transactions.write(() => this.#events.append({ ...event, hiveId: this.hiveId }));
    this.#listeners.tell({ event: stored });
    return stored;
  }

  events(query: Parameters<Store["events"]>[0]): readonly StoredEvent[] {
    return this.#transactions.read(() => this.#events.list(query));
  }

  eventIdBeforeLast(count: number): number {
    return this.#transactions.read(() => this.#events.idBeforeLast(count));
  }

  nextEpoch(): number {
    return this.#transactions.write(() => this.#statements.nextEpoch.get() ?? 0);
  }

  onChange(listener: Parameters<Store["onChange"]>[0]): Disposable {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#database.close();
  }

  #recordName(before: SessionRecord, after: SessionRecord): StoredEvent[] {
    const event = renamedEvent(before, after, this.#now());
    return event === undefined ? [] : [this.#events.append(event)];
  }

  #recordTransition(before: SessionRecord, after: SessionRecord, change: SessionChange): StoredEvent[] {
    if (change.transition === undefined) return [];
    const transition = transitionBetween(before, after, change.transition);
    this.#statements.insertTransition.run(transitionRow(transition, after.hiveId));
    if (this.#pruning.isDue(after.id)) {
      this.#statements.pruneTransitions.run({ session_id: after.id, kept: MOST_TRANSITIONS });
    }
    return [this.#events.append(transitionEvent(after, transition))];
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
}

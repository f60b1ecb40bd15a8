/**
 * The messages of the store. Those to which something still happens are read from memory, as sessions are: the weaver
 * asks for them at each look at a session. Settled ones are on disk alone.
 */
import { FaultError } from "../../schemas/fault.ts";
import { type MessageRecord, SETTLED_MESSAGE_STATES } from "../core/session.ts";
import { type MessageChange, MOST_QUEUED_MESSAGES, MOST_SETTLED_MESSAGES } from "../ports/store.ts";
import type { ChangeListeners } from "./change-listeners.ts";
import type { EventLog } from "./event-log.ts";
import { changedMessage, messageChanged, messageEvent, tooManyMessages } from "./message-change.ts";
import { changeableMessageColumns, messageOf, messageRow } from "./message-rows.ts";
import { MessageShelf } from "./message-shelf.ts";
import { PruningTurns } from "./pruning-turns.ts";
import { sessionGone } from "./session-change.ts";
import type { SessionShelf } from "./session-shelf.ts";
import type { Statements } from "./statements.ts";
import type { Transactions } from "./transactions.ts";

/** Settled messages are deleted about so many at a time. */
const MESSAGES_DELETED_AT_ONCE = 100;

interface MessageStoreParts {
  readonly statements: Statements;
  readonly transactions: Transactions;
  readonly events: EventLog;
  readonly sessions: SessionShelf;
  readonly listeners: ChangeListeners;
}

export class MessageStore {
  readonly #parts: MessageStoreParts;
  readonly #unsettled = new MessageShelf();
  readonly #pruning = new PruningTurns(MESSAGES_DELETED_AT_ONCE);

  constructor(parts: MessageStoreParts) {
    this.#parts = parts;
    for (const row of parts.statements.loadUnsettledMessages.iterate()) this.#unsettled.put(messageOf(row));
  }

  create(given: MessageRecord): MessageRecord {
    const there = this.get(given.id);
    if (there !== undefined) return there;
    const { statements, transactions, events, sessions, listeners } = this.#parts;
    const session = sessions.get(given.sessionId);
    if (session === undefined) throw new FaultError(sessionGone(given.sessionId));
    if (this.#unsettled.countOf(session.id) >= MOST_QUEUED_MESSAGES) throw new FaultError(tooManyMessages(session));
    const row = messageRow({ ...given, revision: 1 });
    const [message, event] = transactions.write(() => {
      const sequence = Number(statements.insertMessage.run(row).lastInsertRowid);
      const inserted = messageOf({ ...row, sequence });
      return [inserted, events.append(messageEvent(session, inserted, inserted.createdAtMs))] as const;
    });
    this.#unsettled.put(message);
    listeners.tell({ message, event });
    return message;
  }

  change(id: string, revision: number, change: MessageChange): MessageRecord {
    const before = this.#unsettled.get(id);
    if (before?.revision !== revision) throw new FaultError(messageChanged(id));
    const { statements, transactions, events, sessions, listeners } = this.#parts;
    const session = sessions.get(before.sessionId);
    if (session === undefined) throw new FaultError(sessionGone(before.sessionId));
    const message = changedMessage(before, change);
    const event = transactions.write(() => {
      const row = { ...changeableMessageColumns(message), id, revision_before: revision };
      if (statements.updateMessage.run(row).changes !== 1) throw new FaultError(messageChanged(id));
      if (SETTLED_MESSAGE_STATES.has(message.state)) this.#pruneSettled(session.id);
      return message.state === before.state ? undefined : events.append(messageEvent(session, message, change.atMs));
    });
    this.#unsettled.put(message);
    listeners.tell({ message, ...(event === undefined ? {} : { event }) });
    return message;
  }

  get(id: string): MessageRecord | undefined {
    const unsettled = this.#unsettled.get(id);
    if (unsettled !== undefined) return unsettled;
    const row = this.#parts.transactions.read(() => this.#parts.statements.messageById.get(id));
    return row === undefined ? undefined : messageOf(row);
  }

  list(sessionId: string, { unsettled = false }: { readonly unsettled?: boolean }): readonly MessageRecord[] {
    if (unsettled) return this.#unsettled.of(sessionId);
    return this.#parts.transactions.read(() => this.#parts.statements.messagesOf.all(sessionId).map(messageOf));
  }

  lastInTurn(sessionId: string): MessageRecord | undefined {
    const row = this.#parts.transactions.read(() => this.#parts.statements.lastMessageInTurn.get(sessionId));
    return row === undefined ? undefined : messageOf(row);
  }

  sessionsWithMessages(): readonly string[] {
    return this.#unsettled.sessions();
  }

  /** Its rows have gone with those of the session. */
  removeSession(sessionId: string): void {
    this.#unsettled.removeSession(sessionId);
    this.#pruning.removeSession(sessionId);
  }

  #pruneSettled(sessionId: string): void {
    if (!this.#pruning.isDue(sessionId)) return;
    this.#parts.statements.pruneMessages.run({ session_id: sessionId, kept: MOST_SETTLED_MESSAGES });
  }
}

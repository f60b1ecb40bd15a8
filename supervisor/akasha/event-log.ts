import type { Store, StoredEvent } from "../ports/store.ts";
import { eventOf, eventRow } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** About 50 MB, and weeks of a busy machine. Older events are deleted. */
export const KEPT_EVENTS = 200_000;
/** Events are deleted so many at a time: seldom enough to cost nothing, few enough not to be felt. */
export const EVENTS_DELETED_AT_ONCE = 1000;

/** The rows of events. Whoever calls holds the transaction. */
export class EventLog {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  append(event: Omit<StoredEvent, "id">): StoredEvent {
    const row = eventRow(event);
    const id = Number(this.#statements.insertEvent.run(row).lastInsertRowid);
    if (id % EVENTS_DELETED_AT_ONCE === 0) this.#statements.deleteEventsUpTo.run(id - KEPT_EVENTS);
    return eventOf({ ...row, id });
  }

  list({ afterId: after = 0, limit, sessionId }: Parameters<Store["events"]>[0]): readonly StoredEvent[] {
    const { eventsAfter, eventsOfSessionAfter } = this.#statements;
    if (sessionId === undefined) return eventsAfter.all({ after, limit }).map(eventOf);
    return eventsOfSessionAfter.all({ after, limit, session_id: sessionId }).map(eventOf);
  }

  idBeforeLast(count: number): number {
    return this.#statements.eventIdBeforeLast.get(count) ?? 0;
  }
}

/** A store in memory, for tests of other rooms. It keeps the contract that test/contracts/store-contract.ts states. */

import { type Fault, FaultError } from "../../schemas/fault.ts";
import { ChangeListeners } from "../../supervisor/akasha/change-listeners.ts";
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
} from "../../supervisor/akasha/session-change.ts";
import { SessionShelf } from "../../supervisor/akasha/session-shelf.ts";
import { hasEnded, type SessionRecord, type Transition } from "../../supervisor/core/session.ts";
import { MOST_TRANSITIONS, type Store, type StoredEvent } from "../../supervisor/ports/store.ts";
import { createMemoryMessages } from "./memory-store-messages.ts";

export interface MemoryStore extends Store {
  /** Every write throws this fault until it is called with undefined. */
  failWrites(fault: Fault | undefined): void;
}

/** `now` dates the events that no caller gives a time: milliseconds since 1970. */
export function createMemoryStore(
  options: { readonly hiveId?: string; readonly now?: () => number } = {},
): MemoryStore {
  const { hiveId = "hive-memory", now = () => 1 } = options;
  const sessions = new SessionShelf();
  const listeners = new ChangeListeners(() => {
    // The contract: a listener that throws harms neither the write nor the other listeners.
  });
  let transitions: Transition[] = [];
  const marked = new Set<number>();
  const events: StoredEvent[] = [];
  let lastTransitionId = 0;
  let epoch = 0;
  let failing: Fault | undefined;

  function refuseWrites(): void {
    if (failing !== undefined) throw new FaultError(failing);
  }

  function refuseTakenName(session: SessionRecord): void {
    if (hasEnded(session.observed.phase)) return;
    const taken = sessions.list({ living: true }).some(({ id, name }) => name === session.name && id !== session.id);
    if (taken) throw new FaultError(nameTaken(session.name));
  }

  function addTransition(transition: Omit<Transition, "id">): void {
    lastTransitionId += 1;
    transitions.push({ id: lastTransitionId, ...copy(transition) });
    const droppable = transitions.filter(({ id, sessionId }) => sessionId === transition.sessionId && marked.has(id));
    const dropped = new Set(droppable.slice(0, -MOST_TRANSITIONS).map(({ id }) => id));
    if (dropped.size > 0) transitions = transitions.filter(({ id }) => !dropped.has(id));
  }

  function addEvent(event: Omit<StoredEvent, "id">): StoredEvent {
    const stored = { id: (events.at(-1)?.id ?? 0) + 1, ...copy(event) };
    events.push(stored);
    return stored;
  }

  const messages = createMemoryMessages({ sessions, addEvent, listeners, refuseWrites });

  return {
    hiveId,
    ...messages.ofStore,

    createSession(record, reason) {
      refuseWrites();
      refuseTakenName(record);
      const session = copy({ ...record, revision: 1, observed: { ...record.observed, reason } });
      sessions.put(session);
      addTransition(firstTransition(session, reason));
      listeners.tell({ sessionId: session.id, event: addEvent(createdEvent(session, reason)) });
      return session;
    },

    changeSession(id, revision, change) {
      refuseWrites();
      const before = sessions.get(id);
      if (before === undefined) throw new FaultError(sessionGone(id));
      if (before.revision !== revision) throw new FaultError(staleWrite(before));
      const session = copy(changedSession(before, change));
      refuseTakenName(session);
      sessions.put(session);
      const told: StoredEvent[] = [];
      const renamed = renamedEvent(before, session, now());
      if (renamed !== undefined) told.push(addEvent(renamed));
      if (change.transition !== undefined) {
        const transition = transitionBetween(before, session, change.transition);
        addTransition(transition);
        told.push(addEvent(transitionEvent(session, transition)));
      }
      if (told.length === 0) listeners.tell({ sessionId: id });
      for (const event of told) listeners.tell({ sessionId: id, event });
      return session;
    },

    removeSession(id, atMs, data) {
      refuseWrites();
      const session = sessions.get(id);
      if (session === undefined) return;
      sessions.remove(session);
      messages.removeSession(id);
      transitions = transitions.filter((transition) => transition.sessionId !== id);
      listeners.tell({ sessionId: id, event: addEvent(removedEvent(session, atMs, data)) });
    },

    session: (id) => sessions.get(id),
    sessions: (filter = {}) => sessions.list(filter),
    sessionsMatching: (text) => sessions.matching(text),
    sessionByToken: (token) => sessions.byToken(token),

    transitions: (sessionId) => transitions.filter((transition) => transition.sessionId === sessionId),
    unmarkedTransitions: (sessionId) =>
      transitions.filter((transition) => transition.sessionId === sessionId && !marked.has(transition.id)),
    markTransitions(ids) {
      refuseWrites();
      for (const id of ids) marked.add(id);
    },

    appendEvent(event) {
      refuseWrites();
      const stored = addEvent({ ...event, hiveId });
      listeners.tell({ event: stored });
      return stored;
    },
    events: ({ afterId = 0, limit, sessionId }) =>
      events
        .filter((event) => event.id > afterId && (sessionId === undefined || event.sessionId === sessionId))
        .slice(0, limit),
    eventIdBeforeLast: (count) => events.at(-1 - count)?.id ?? 0,

    nextEpoch() {
      refuseWrites();
      epoch += 1;
      return epoch;
    },
    onChange: (listener) => listeners.add(listener),
    close() {},
    failWrites(fault) {
      failing = fault;
    },
  };
}

/** The caller keeps no hand on what is stored, and what JSON cannot hold is not stored here either. */
function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

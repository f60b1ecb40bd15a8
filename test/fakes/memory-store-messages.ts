/** The messages and screens of the store in memory. */

import { FaultError } from "../../schemas/fault.ts";
import type { ChangeListeners } from "../../supervisor/akasha/change-listeners.ts";
import {
  changedMessage,
  messageChanged,
  messageEvent,
  tooManyMessages,
} from "../../supervisor/akasha/message-change.ts";
import { sessionGone } from "../../supervisor/akasha/session-change.ts";
import type { SessionShelf } from "../../supervisor/akasha/session-shelf.ts";
import { type MessageRecord, type ScreenSnapshot, SETTLED_MESSAGE_STATES } from "../../supervisor/core/session.ts";
import {
  MOST_QUEUED_MESSAGES,
  MOST_SETTLED_MESSAGES,
  type Store,
  type StoredEvent,
} from "../../supervisor/ports/store.ts";

type MessagesOfStore = Pick<
  Store,
  | "createMessage"
  | "message"
  | "messages"
  | "lastInTurn"
  | "sessionsWithMessages"
  | "changeMessage"
  | "saveScreen"
  | "screen"
>;

export function createMemoryMessages(parts: {
  readonly sessions: SessionShelf;
  readonly listeners: ChangeListeners;
  readonly addEvent: (event: Omit<StoredEvent, "id">) => StoredEvent;
  readonly refuseWrites: () => void;
}): { readonly ofStore: MessagesOfStore; readonly removeSession: (sessionId: string) => void } {
  const { sessions, listeners, addEvent, refuseWrites } = parts;
  /** By id, in order of arrival. */
  const messages = new Map<string, MessageRecord>();
  const screens = new Map<string, ScreenSnapshot>();
  let lastSequence = 0;

  const isSettled = ({ state }: MessageRecord) => SETTLED_MESSAGE_STATES.has(state);
  const messagesOf = (sessionId: string) => [...messages.values()].filter((one) => one.sessionId === sessionId);

  const ofStore: MessagesOfStore = {
    createMessage(given) {
      const there = messages.get(given.id);
      if (there !== undefined) return there;
      const session = sessions.get(given.sessionId);
      if (session === undefined) throw new FaultError(sessionGone(given.sessionId));
      const queued = messagesOf(session.id).filter((message) => !isSettled(message));
      if (queued.length >= MOST_QUEUED_MESSAGES) throw new FaultError(tooManyMessages(session));
      refuseWrites();
      lastSequence += 1;
      const message = structuredClone({ ...given, sequence: lastSequence, revision: 1 });
      messages.set(message.id, message);
      listeners.tell({ message, event: addEvent(messageEvent(session, message, message.createdAtMs)) });
      return message;
    },

    changeMessage(id, revision, change) {
      refuseWrites();
      const before = messages.get(id);
      if (before?.revision !== revision || isSettled(before)) throw new FaultError(messageChanged(id));
      const session = sessions.get(before.sessionId);
      if (session === undefined) throw new FaultError(sessionGone(before.sessionId));
      const message = changedMessage(before, change);
      messages.set(id, message);
      const settled = messagesOf(session.id).filter(isSettled);
      for (const old of settled.slice(0, -MOST_SETTLED_MESSAGES)) messages.delete(old.id);
      if (message.state === before.state) listeners.tell({ message });
      else listeners.tell({ message, event: addEvent(messageEvent(session, message, change.atMs)) });
      return message;
    },

    message: (id) => messages.get(id),
    messages: (sessionId, { unsettled = false } = {}) =>
      messagesOf(sessionId).filter((message) => !unsettled || !isSettled(message)),
    lastInTurn: (sessionId) => messagesOf(sessionId).findLast(({ now, state }) => !now && state === "delivered"),
    sessionsWithMessages: () => [
      ...new Set([...messages.values()].filter((message) => !isSettled(message)).map(({ sessionId }) => sessionId)),
    ],

    saveScreen(sessionId, screen) {
      refuseWrites();
      if (sessions.get(sessionId) !== undefined) screens.set(sessionId, structuredClone(screen));
    },
    screen: (sessionId) => screens.get(sessionId),
  };

  return {
    ofStore,
    removeSession(sessionId) {
      for (const { id } of messagesOf(sessionId)) messages.delete(id);
      screens.delete(sessionId);
    },
  };
}

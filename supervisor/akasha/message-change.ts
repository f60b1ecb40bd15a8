/** What a write makes of a message: the record, the event and the refusals. The same for every store. */
import { type Fault, fault } from "../../schemas/fault.ts";
import type { MessageRecord, SessionRecord } from "../core/session.ts";
import { type MessageChange, MOST_QUEUED_MESSAGES, type StoredEvent } from "../ports/store.ts";
import { sessionEvent } from "./session-change.ts";

export function changedMessage(message: MessageRecord, change: MessageChange): MessageRecord {
  const { atMs: _, ...changed } = change;
  return { ...message, ...changed, revision: message.revision + 1 };
}

/** Never the text: it may hold secrets, and events are read by whoever may watch. */
export function messageEvent(
  session: Pick<SessionRecord, "id" | "name" | "hiveId">,
  { id, by, state, reason }: MessageRecord,
  atMs: number,
): Omit<StoredEvent, "id"> {
  return sessionEvent(session, atMs, `message.${state}`, { message: id, by, reason });
}

/** Also one that is settled: who would still change it has not seen that. */
export function messageChanged(id: string): Fault {
  return fault("conflict", `message ${id} has changed meanwhile`, { retryable: true, data: { message: id } });
}

export function tooManyMessages(session: Pick<SessionRecord, "id" | "name">): Fault {
  return fault("busy", `${MOST_QUEUED_MESSAGES} messages to session ${session.name} wait for it to take them in`, {
    hint: `see what it waits for: overmind screen ${session.name}`,
    retryable: true,
    data: { session: session.id },
  });
}

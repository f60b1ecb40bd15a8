import type { MessageRecord } from "../../supervisor/core/session.ts";

/** A message as `send` queues it, to the session of sessionRecord(), with what the test says instead. */
export function messageRecord(given: Partial<MessageRecord> = {}): MessageRecord {
  return {
    id: "message-1",
    sessionId: "abcdefghijkl",
    sequence: 0,
    createdAtMs: 1_200,
    by: "the user",
    text: "carry on",
    keys: [],
    enter: true,
    now: false,
    state: "queued",
    reason: "sent by the user",
    revision: 0,
    ...given,
  };
}

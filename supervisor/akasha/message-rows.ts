/** Rows of messages and screens, and how they become what the rules know: by hand, in this file alone. */
import type { MessageRecord, MessageState, ScreenSnapshot } from "../core/session.ts";

/** What a change writes. */
export interface ChangeableMessageColumns {
  readonly state: string;
  readonly reason: string;
  readonly attempt: number | null;
  readonly host_id: string | null;
  readonly delivered_at_ms: number | null;
  readonly revision: number;
}

export interface MessageRow extends ChangeableMessageColumns {
  readonly sequence: number;
  readonly id: string;
  readonly session_id: string;
  readonly created_at_ms: number;
  readonly sent_by: string;
  readonly text: string;
  /** JSON. */
  readonly keys: string;
  readonly presses_enter: number;
  readonly at_once: number;
}

export interface ScreenRow {
  readonly session_id: string;
  readonly attempt: number;
  readonly stream_offset: number;
  readonly held: Uint8Array;
  readonly column_count: number;
  readonly row_count: number;
  readonly full_screen: number;
  readonly ansi: string;
}

export function messageRow(message: MessageRecord): Omit<MessageRow, "sequence"> {
  return {
    ...changeableMessageColumns(message),
    id: message.id,
    session_id: message.sessionId,
    created_at_ms: message.createdAtMs,
    sent_by: message.by,
    text: message.text,
    keys: JSON.stringify(message.keys),
    presses_enter: Number(message.enter),
    at_once: Number(message.now),
  };
}

export function changeableMessageColumns(message: MessageRecord): ChangeableMessageColumns {
  return {
    state: message.state,
    reason: message.reason,
    attempt: message.attempt ?? null,
    host_id: message.hostId ?? null,
    delivered_at_ms: message.deliveredAtMs ?? null,
    revision: message.revision,
  };
}

export function messageOf(row: MessageRow): MessageRecord {
  return {
    id: row.id,
    sessionId: row.session_id,
    sequence: row.sequence,
    createdAtMs: row.created_at_ms,
    by: row.sent_by,
    text: row.text,
    keys: JSON.parse(row.keys) as string[],
    enter: row.presses_enter !== 0,
    now: row.at_once !== 0,
    state: row.state as MessageState,
    reason: row.reason,
    ...(row.attempt === null ? {} : { attempt: row.attempt }),
    ...(row.host_id === null ? {} : { hostId: row.host_id }),
    ...(row.delivered_at_ms === null ? {} : { deliveredAtMs: row.delivered_at_ms }),
    revision: row.revision,
  };
}

export function screenRow(sessionId: string, screen: ScreenSnapshot): ScreenRow {
  return {
    session_id: sessionId,
    attempt: screen.attempt,
    stream_offset: screen.offset,
    held: screen.held,
    column_count: screen.columns,
    row_count: screen.rows,
    full_screen: Number(screen.fullScreen),
    ansi: screen.ansi,
  };
}

export function screenOf(row: ScreenRow): ScreenSnapshot {
  return {
    attempt: row.attempt,
    offset: row.stream_offset,
    held: new Uint8Array(row.held),
    columns: row.column_count,
    rows: row.row_count,
    ansi: row.ansi,
    fullScreen: row.full_screen !== 0,
  };
}

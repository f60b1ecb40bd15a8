/** Every statement of the store, by name. */
import type { Database } from "better-sqlite3";
import type { ChangeableMessageColumns, MessageRow, ScreenRow } from "./message-rows.ts";
import type { ChangeableColumns, EventRow, SessionRow, TransitionRow } from "./rows.ts";

/** A statement that reads. */
interface Query<Bind extends unknown[], Row> {
  get(...bind: Bind): Row | undefined;
  all(...bind: Bind): Row[];
  iterate(...bind: Bind): IterableIterator<Row>;
}

/** A statement that writes. */
interface Write<Bind extends unknown[]> {
  run(...bind: Bind): { readonly changes: number; readonly lastInsertRowid: number | bigint };
}

export type Statements = ReturnType<typeof prepareStatements>;

type Change<Columns> = Columns & { readonly id: string; readonly revision_before: number };
/** `kept`: how many of the newest stay. */
type Pruning = { readonly session_id: string; readonly kept: number };

export function prepareStatements(database: Database) {
  const rows = <Bind extends unknown[], Row>(sql: string): Query<Bind, Row> => database.prepare<Bind, Row>(sql);
  const value = <Bind extends unknown[], T>(sql: string): Query<Bind, T> => database.prepare<Bind, T>(sql).pluck();
  const write = <Bind extends unknown[]>(sql: string): Write<Bind> => database.prepare<Bind>(sql);
  return {
    hiveId: value<[], string>("SELECT value FROM meta WHERE key = 'hive_id'"),

    nextEpoch: value<[], number>("UPDATE meta SET value = value + 1 WHERE key = 'epoch' RETURNING value"),

    loadSessions: rows<[], SessionRow>(
      "SELECT sessions.*, spec FROM sessions JOIN session_specs ON session_id = sessions.id ORDER BY sequence",
    ),

    insertSession: write<[SessionRow]>(
      `INSERT INTO sessions (id, name, hive_id, colony, parent_id, phase, created_at_ms, token, revision,
         labels, workspace, desired, observed)
       VALUES (@id, @name, @hive_id, @colony, @parent_id, @phase, @created_at_ms, @token, @revision,
         @labels, @workspace, @desired, @observed)`,
    ),

    insertSpec: write<[Pick<SessionRow, "id" | "spec">]>(
      "INSERT INTO session_specs (session_id, spec) VALUES (@id, @spec)",
    ),

    updateSession: write<[Change<ChangeableColumns>]>(
      `UPDATE sessions SET name = @name, phase = @phase, revision = @revision, workspace = @workspace,
         desired = @desired, observed = @observed
       WHERE id = @id AND revision = @revision_before`,
    ),

    deleteSession: write<[string]>("DELETE FROM sessions WHERE id = ?"),

    insertTransition: write<[Omit<TransitionRow, "id"> & { readonly hive_id: string }]>(
      `INSERT INTO transitions (session_id, hive_id, at_ms, from_phase, to_phase, attempt, reason, evidence)
       VALUES (@session_id, @hive_id, @at_ms, @from_phase, @to_phase, @attempt, @reason, @evidence)`,
    ),

    transitionsOf: rows<[string], TransitionRow>("SELECT * FROM transitions WHERE session_id = ? ORDER BY id"),

    unmarkedTransitionsOf: rows<[string], TransitionRow>(
      "SELECT * FROM transitions WHERE session_id = ? AND marked = 0 ORDER BY id",
    ),

    markTransition: write<[number]>("UPDATE transitions SET marked = 1 WHERE id = ?"),

    pruneTransitions: write<[Pruning]>(
      `DELETE FROM transitions WHERE session_id = @session_id AND marked = 1 AND id <= (
         SELECT id FROM transitions WHERE session_id = @session_id AND marked = 1
         ORDER BY id DESC LIMIT 1 OFFSET @kept)`,
    ),

    loadUnsettledMessages: rows<[], MessageRow>(
      "SELECT * FROM messages WHERE state IN ('queued', 'delivering') ORDER BY sequence",
    ),

    messageById: rows<[string], MessageRow>("SELECT * FROM messages WHERE id = ?"),

    messagesOf: rows<[string], MessageRow>("SELECT * FROM messages WHERE session_id = ? ORDER BY sequence"),

    lastMessageInTurn: rows<[string], MessageRow>(
      `SELECT * FROM messages WHERE session_id = ? AND state = 'delivered' AND at_once = 0
       ORDER BY sequence DESC LIMIT 1`,
    ),

    insertMessage: write<[Omit<MessageRow, "sequence">]>(
      `INSERT INTO messages (id, session_id, created_at_ms, sent_by, keys, presses_enter, at_once,
         state, reason, attempt, host_id, delivered_at_ms, revision, text)
       VALUES (@id, @session_id, @created_at_ms, @sent_by, @keys, @presses_enter, @at_once,
         @state, @reason, @attempt, @host_id, @delivered_at_ms, @revision, @text)`,
    ),

    updateMessage: write<[Change<ChangeableMessageColumns>]>(
      `UPDATE messages SET state = @state, reason = @reason, attempt = @attempt, host_id = @host_id,
         delivered_at_ms = @delivered_at_ms, revision = @revision
       WHERE id = @id AND revision = @revision_before`,
    ),

    pruneMessages: write<[Pruning]>(
      `DELETE FROM messages
       WHERE session_id = @session_id AND state NOT IN ('queued', 'delivering') AND sequence <= (
         SELECT sequence FROM messages WHERE session_id = @session_id AND state NOT IN ('queued', 'delivering')
         ORDER BY sequence DESC LIMIT 1 OFFSET @kept)`,
    ),

    saveScreen: write<[ScreenRow]>(
      `INSERT OR REPLACE INTO screens (session_id, attempt, stream_offset, held, column_count, row_count,
         full_screen, ansi)
       VALUES (@session_id, @attempt, @stream_offset, @held, @column_count, @row_count, @full_screen, @ansi)`,
    ),

    screenOf: rows<[string], ScreenRow>("SELECT * FROM screens WHERE session_id = ?"),

    insertEvent: write<[Omit<EventRow, "id">]>(
      `INSERT INTO events (hive_id, at_ms, kind, session_id, session_name, data)
       VALUES (@hive_id, @at_ms, @kind, @session_id, @session_name, @data)`,
    ),

    eventsAfter: rows<[{ after: number; limit: number }], EventRow>(
      "SELECT * FROM events WHERE id > @after ORDER BY id LIMIT @limit",
    ),

    eventsOfSessionAfter: rows<[{ after: number; limit: number; session_id: string }], EventRow>(
      "SELECT * FROM events WHERE session_id = @session_id AND id > @after ORDER BY id LIMIT @limit",
    ),

    eventIdBeforeLast: value<[number], number>("SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?"),

    deleteEventsUpTo: write<[number]>("DELETE FROM events WHERE id <= ?"),
  };
}

/** Every statement of the store, by name. */
import type { Database } from "better-sqlite3";
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

type Change = ChangeableColumns & { readonly id: string; readonly revision_before: number };

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

    updateSession: write<[Change]>(
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

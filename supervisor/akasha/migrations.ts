/** The numbered migrations. One that was released is never edited; the last one's number is the schema's version. */
import type { Database } from "better-sqlite3";
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import sessions from "./migrations/0001-sessions.sql";
import messagesAndScreens from "./migrations/0002-messages-and-screens.sql";

export const MIGRATIONS: readonly string[] = [sessions, messagesAndScreens];

/** "OVMD", in the header of every store of ours: no other program's database is ever taken for one. */
export const APPLICATION_ID = 0x4f_56_4d_44;

interface Version {
  readonly application: number;
  readonly schema: number;
  readonly empty: boolean;
}

/** Refuses what is not ours to change, before anything of it is changed. */
export function refuseForeign(database: Database): Result<void> {
  const { application, schema, empty } = versionOf(database);
  if (!empty && application !== APPLICATION_ID) {
    return failed(
      fault("store-unavailable", `${database.name} is the database of another program`, {
        hint: "move it away, or use another OVERMIND_HOME",
      }),
    );
  }
  if (schema > MIGRATIONS.length) {
    const text = `${database.name} was made by a newer Overmind: schema ${schema}, this one knows up to ${MIGRATIONS.length}`;
    return failed(fault("store-unavailable", text, { hint: "upgrade Overmind, or use another OVERMIND_HOME" }));
  }
  return ok(undefined);
}

/** Brings the schema up to the last migration, in one transaction: a crash in between leaves it as it was. */
export function migrate(database: Database, nowMs: number): void {
  // Begun even when nothing is to be done: a store that cannot be written to is found out here, not in the first run.
  database
    .transaction(() => {
      const { schema } = versionOf(database);
      if (schema === MIGRATIONS.length) return;
      for (const migration of MIGRATIONS.slice(schema)) database.exec(migration);
      database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('migrated_at_ms', ?)").run(nowMs);
      database.pragma(`application_id = ${APPLICATION_ID}`);
      database.pragma(`user_version = ${MIGRATIONS.length}`);
    })
    .immediate();
}

/** The schema as text, for the committed dump. */
export function dumpSchema(database: Database): string {
  const statements = database
    .prepare<[], string>(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .pluck()
    .all();
  const head = `-- The store's schema after migration ${MIGRATIONS.length}. Written by migrations.test.ts: vitest -u.`;
  return `${[head, ...statements.map((sql) => `${sql};`)].join("\n\n")}\n`;
}

function versionOf(database: Database): Version {
  return {
    application: Number(database.pragma("application_id", { simple: true })),
    schema: Number(database.pragma("user_version", { simple: true })),
    empty: database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined,
  };
}

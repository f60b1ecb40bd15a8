/** Stores that an earlier version made, with rows in them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moveTo } from "../../test/contracts/store-calls.ts";
import { messageRecord } from "../../test/fakes/message-record.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import type { SessionRecord } from "../core/session.ts";
import { APPLICATION_ID, MIGRATIONS } from "./migrations.ts";
import { sessionRow } from "./rows.ts";
import { openSqliteStore } from "./sqlite-store.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "akasha-"));
  path = join(folder, "store.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As the version that knew this many migrations left it, with these sessions. */
function makeStore(version: number, sessions: readonly SessionRecord[]): void {
  const database = new Database(path);
  for (const migration of MIGRATIONS.slice(0, version)) database.exec(migration);
  database.pragma(`application_id = ${APPLICATION_ID}`);
  database.pragma(`user_version = ${version}`);
  const insertSession = database.prepare(
    `INSERT INTO sessions (id, name, hive_id, colony, parent_id, phase, created_at_ms, token, revision,
       labels, workspace, desired, observed)
     VALUES (@id, @name, @hive_id, @colony, @parent_id, @phase, @created_at_ms, @token, @revision,
       @labels, @workspace, @desired, @observed)`,
  );
  const insertSpec = database.prepare("INSERT INTO session_specs (session_id, spec) VALUES (@id, @spec)");
  for (const session of sessions) {
    const row = sessionRow(session);
    insertSession.run(row);
    insertSpec.run(row);
  }
  database.close();
}

test("sessions of the first version have a spec that says what it did: no restarts, no priority", () => {
  const whole = [
    sessionRecord({ id: "one", name: "calm-otter", revision: 7, spec: { argv: ["a", 'quo"te', "ü\n\u0001"] } }),
    sessionRecord({ id: "two", name: "bold-heron", observed: { phase: "CRASHED", attempt: 2 } }),
  ];
  const ofFirstVersion = whole.map((session) => {
    const { askedVariables, restart, priority, ...spec } = session.spec;
    expect([askedVariables, restart, priority]).not.toContain(undefined);
    return { ...session, spec } as SessionRecord;
  });
  makeStore(1, ofFirstVersion);

  const opened = openSqliteStore({ path, now: () => 1 });
  if (!opened.ok) throw new Error(opened.fault.message);
  const store = opened.value;
  try {
    expect(store.sessions()).toEqual(whole);
    expect(store.session("one")?.spec).toMatchObject({
      askedVariables: [],
      restart: { policy: "never", maxRestarts: 5, backoffMs: 1_000 },
      priority: 0,
    });
    expect(store.createMessage(messageRecord({ sessionId: "one" })).sequence).toBe(1);
    const [, second] = whole;
    if (second === undefined) throw new Error("there is no second session");
    expect(moveTo(store, second, "STARTING").observed.phase).toBe("STARTING");
  } finally {
    store.close();
  }
});

test("what a spec says already is not overwritten", () => {
  const restart = { policy: "always", maxRestarts: 2, windowMs: 60_000, backoffMs: 0 } as const;
  const session = sessionRecord({ spec: { restart, priority: 9, askedVariables: ["PATH"] } });
  makeStore(1, [session]);
  const opened = openSqliteStore({ path, now: () => 1 });
  if (!opened.ok) throw new Error(opened.fault.message);
  expect(opened.value.sessions()).toEqual([session]);
  opened.value.close();
});

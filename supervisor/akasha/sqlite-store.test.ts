import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moveTo } from "../../test/contracts/store-calls.ts";
import { storeContract } from "../../test/contracts/store-contract.ts";
import { messageRecord } from "../../test/fakes/message-record.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { MOST_TRANSITIONS, type Store } from "../ports/store.ts";
import { EVENTS_DELETED_AT_ONCE, KEPT_EVENTS } from "./event-log.ts";
import { openDatabase } from "./open-database.ts";
import { openSqliteStore } from "./sqlite-store.ts";

let folder: string;
let path: string;
let stores: Store[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "akasha-"));
  path = join(folder, "home", "store.db");
  stores = [];
});
afterEach(() => {
  for (const store of stores) store.close();
  rmSync(folder, { recursive: true });
});

function open(): Store {
  const opened = openSqliteStore({ path, now: () => 1 });
  if (!opened.ok) throw new Error(opened.fault.message);
  stores.push(opened.value);
  return opened.value;
}

storeContract("the store on SQLite", () => ({ store: open(), dispose: () => {} }));

test("what was written is there after it was closed and opened", () => {
  const first = open();
  const created = first.createSession(sessionRecord({ parentId: "parent", labels: { team: "red" } }), "asked for");
  const ended = moveTo(
    first,
    first.createSession(sessionRecord({ id: "other", name: "bold-heron" }), "asked for"),
    "CRASHED",
  );
  const changed = first.changeSession(created.id, created.revision, {
    desired: { state: "stopped", mode: "kill", graceMs: 0, requestedAtMs: 3, by: "the user" },
    observed: { attempt: 1, exit: { code: null, signal: "SIGKILL" } },
    transition: { atMs: 5, to: "STOPPING", reason: "kill asked for", evidence: { deep: [{ a: null }] } },
  });
  first.markTransitions([1]);
  const facts = (store: Store) => ({
    hiveId: store.hiveId,
    sessions: store.sessions(),
    transitions: store.transitions(created.id),
    unmarked: store.unmarkedTransitions(created.id),
    events: store.events({ limit: 100 }),
    byToken: store.sessionByToken(created.token),
  });
  const before = facts(first);
  expect(before.sessions).toEqual([changed, ended]);
  expect(first.nextEpoch()).toBe(1);
  first.close();

  const second = open();
  expect(facts(second)).toEqual(before);
  expect(second.nextEpoch()).toBe(2);
  expect(second.changeSession(created.id, changed.revision, { observed: { attempt: 2 } }).observed.attempt).toBe(2);
});

test("messages and the screen are there after the store was closed and opened", () => {
  const first = open();
  const { id: sessionId } = first.createSession(sessionRecord(), "asked for");
  for (const id of ["settled", "typed", "queued"]) first.createMessage(messageRecord({ id, keys: ["enter"] }));
  first.changeMessage("settled", 1, { state: "unconfirmed", reason: "the host died", atMs: 3, deliveredAtMs: 2 });
  first.changeMessage("typed", 1, { state: "delivering", reason: "in typing", atMs: 4, attempt: 2, hostId: "host-1" });
  const screen = {
    attempt: 2,
    offset: 9,
    held: Uint8Array.of(0xe2),
    columns: 80,
    rows: 24,
    ansi: "✓",
    fullScreen: true,
  };
  first.saveScreen(sessionId, screen);
  const facts = (store: Store) => ({
    messages: store.messages(sessionId),
    unsettled: store.messages(sessionId, { unsettled: true }),
    waiting: store.sessionsWithMessages(),
    screen: store.screen(sessionId),
  });
  const before = facts(first);
  expect(before.messages).toHaveLength(3);
  first.close();

  const second = open();
  expect(facts(second)).toEqual(before);
  expect(second.createMessage(messageRecord({ id: "settled" })).state).toBe("unconfirmed");
  expect(second.changeMessage("typed", 2, { state: "delivered", reason: "typed", atMs: 5 }).revision).toBe(3);
  expect(second.messages(sessionId, { unsettled: true }).map(({ id }) => id)).toEqual(["queued"]);
});

test("a rename is dated by the clock that the store is given", () => {
  const opened = openSqliteStore({ path, now: () => 77_000 });
  if (!opened.ok) throw new Error(opened.fault.message);
  stores.push(opened.value);
  const created = opened.value.createSession(sessionRecord(), "asked for");
  opened.value.changeSession(created.id, created.revision, { name: "wise-lynx" });
  expect(opened.value.events({ limit: 10 }).at(-1)).toMatchObject({ kind: "session.renamed", atMs: 77_000 });
});

test("what has grown beyond its bound under an earlier supervisor is deleted with the first write", () => {
  open().createSession(sessionRecord(), "asked for");
  const beside = new Database(path);
  const insert = beside.prepare(
    `INSERT INTO transitions (session_id, hive_id, at_ms, to_phase, attempt, reason, evidence, marked)
     VALUES (?, 'hive', 1, 'RUNNING', 1, 'started', '{}', 1)`,
  );
  beside.transaction(() => {
    for (let n = 0; n < 3 * MOST_TRANSITIONS; n += 1) insert.run(sessionRecord().id);
  })();
  beside.close();

  const store = open();
  const session = store.session(sessionRecord().id);
  if (session === undefined) throw new Error("the session is gone");
  moveTo(store, session, "RUNNING");
  // The first one and the last one have no marker yet.
  expect(store.transitions(session.id)).toHaveLength(MOST_TRANSITIONS + 2);
});

test("its files and the folder that it makes are the user's alone", () => {
  const before = process.umask(0o000);
  try {
    open().createSession(sessionRecord(), "asked for");
    const modes = ["", "/store.db", "/store.db-wal", "/store.db-shm"].map(
      (name) => statSync(join(folder, "home") + name).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
  } finally {
    process.umask(before);
  }
});

test("a commit is on disk when it returns: a write-ahead log that is synchronised each time", () => {
  const opened = openDatabase({ path, now: () => 1 });
  if (!opened.ok) throw new Error(opened.fault.message);
  const setting = (name: string) => opened.value.pragma(name, { simple: true });
  expect([setting("journal_mode"), setting("synchronous"), setting("foreign_keys")]).toEqual(["wal", 2, 1]);
  opened.value.close();
});

test("the newest events are kept, within a bound", () => {
  open().close();
  const beside = new Database(path);
  const insert = beside.prepare(
    "INSERT INTO events (id, hive_id, at_ms, kind, data) VALUES (?, 'hive', 1, 'tick', '{}')",
  );
  const newest = KEPT_EVENTS + EVENTS_DELETED_AT_ONCE;
  beside.transaction(() => {
    for (let id = 1; id < newest; id += 1) insert.run(id);
  })();
  beside.close();

  const store = open();
  expect(store.events({ limit: 1 })[0]?.id).toBe(1);
  expect(store.appendEvent({ atMs: 1, kind: "the one too many", data: {} }).id).toBe(newest);
  expect(store.events({ limit: 1 })[0]?.id).toBe(newest - KEPT_EVENTS + 1);
  expect(store.events({ afterId: newest - 1, limit: 10 })).toMatchObject([{ kind: "the one too many" }]);
});

test("two hundred sessions with large environments are listed without parsing them", () => {
  const store = open();
  const environment = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`VARIABLE_${n}`, "x".repeat(90)]));
  for (let n = 0; n < 200; n += 1) {
    store.createSession(sessionRecord({ id: `session-${n}`, name: `otter-${n}`, spec: { environment } }), "asked for");
  }
  const startedAt = performance.now();
  for (let n = 0; n < 100; n += 1) expect(store.sessions({ living: true })).toHaveLength(200);
  // Parsing two hundred such environments takes several times as long.
  expect((performance.now() - startedAt) / 100).toBeLessThan(2);
});

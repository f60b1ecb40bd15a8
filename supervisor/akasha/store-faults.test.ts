/** What goes wrong under a store: each real, each told with the file's name and the next step, the file left as it was. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, type TestContext, test } from "vitest";
import type { Fault } from "../../schemas/fault.ts";
import { faultOf } from "../../test/contracts/store-calls.ts";
import { messageRecord } from "../../test/fakes/message-record.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import type { MessageRecord, ScreenSnapshot, SessionRecord } from "../core/session.ts";
import type { Store } from "../ports/store.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openSqliteStore } from "./sqlite-store.ts";

let folder: string;
let path: string;
/** Undone in reverse order, whatever the test did. */
let undo: (() => void)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "akasha-"));
  path = join(folder, "store.db");
  undo = [() => rmSync(folder, { recursive: true })];
});
afterEach(() => {
  for (const step of undo.reverse()) step();
});

function open(): Store {
  const opened = openSqliteStore({ path, now: () => 1 });
  if (!opened.ok) throw new Error(opened.fault.message);
  undo.push(() => opened.value.close());
  return opened.value;
}

function refusal(): Fault {
  const opened = openSqliteStore({ path, now: () => 1 });
  if (opened.ok) {
    opened.value.close();
    throw new Error("the store was opened");
  }
  expect(opened.fault.hint).toBeTruthy();
  return opened.fault;
}

function create(store: Store, id: string): SessionRecord {
  const environment = { PATH: "x".repeat(10_000) };
  return store.createSession(sessionRecord({ id, name: id, spec: { environment } }), "asked for");
}

test("a newer schema is refused, and left as it is", () => {
  open().close();
  const beside = new Database(path);
  beside.pragma("user_version = 7");
  beside.close();
  const before = readFileSync(path);
  expect(refusal()).toMatchObject({
    code: "store-unavailable",
    message: `${path} was made by a newer Overmind: schema 7, this one knows up to ${MIGRATIONS.length}`,
    hint: "upgrade Overmind, or use another OVERMIND_HOME",
    retryable: false,
  });
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("a spec that was changed by hand into nonsense is damage, also when it is to be migrated", () => {
  const store = open();
  create(store, "one");
  store.close();
  const beside = new Database(path);
  beside.exec("DROP TABLE messages; DROP TABLE screens; UPDATE session_specs SET spec = '{'");
  beside.pragma("user_version = 1");
  beside.close();
  expect(refusal()).toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining(`${path} is damaged`),
  });
});

test("another program's database is refused, and left as it is", () => {
  const beside = new Database(path);
  beside.exec("CREATE TABLE theirs (a)");
  beside.close();
  const before = readFileSync(path);
  expect(refusal()).toMatchObject({ code: "store-unavailable", message: `${path} is the database of another program` });
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("a file that is no database is refused, and left as it is", () => {
  writeFileSync(path, "notes of mine\n".repeat(1000), { mode: 0o600 });
  expect(refusal()).toMatchObject({
    code: "store-unavailable",
    message: `${path} is not a database`,
    retryable: false,
  });
  expect(readFileSync(path, "utf8")).toBe("notes of mine\n".repeat(1000));
});

test("a damaged table of sessions is found when the store is opened", () => {
  const store = open();
  for (let n = 0; n < 50; n += 1) create(store, `session-${n}`);
  store.close();
  damage(4096, statSync(path).size);
  const before = readFileSync(path);
  expect(refusal()).toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining(`${path} is damaged`),
  });
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("a record that was changed by hand into nonsense is damage", () => {
  const store = open();
  create(store, "one");
  store.close();
  const beside = new Database(path);
  beside.prepare("UPDATE sessions SET observed = '{'").run();
  beside.close();
  expect(refusal()).toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining(`${path} is damaged`),
  });
});

test("damage that is met at run time fails that read and says so; the rest works", () => {
  const store = open();
  const created = create(store, "one");
  for (let n = 0; n < 200; n += 1) store.appendEvent({ atMs: 1, kind: "tick", data: { text: "x".repeat(2000) } });
  store.close();
  // The newest events lie at the end of the file.
  damage(statSync(path).size - 20 * 4096, statSync(path).size);
  const reopened = open();
  expect(faultOf(() => reopened.events({ limit: 500 }))).toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining(`${path} is damaged`),
  });
  expect(reopened.session("one")).toEqual(created);
  expect(reopened.events({ limit: 1 })).toHaveLength(1);
  expect(reopened.changeSession("one", created.revision, { observed: { attempt: 1 } }).observed.attempt).toBe(1);
});

test("a folder in the place of the file is refused", () => {
  mkdirSync(path);
  expect(refusal()).toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining(`cannot open ${path}`),
  });
});

test("a binary that cannot be loaded is a fault and no crash", () => {
  const missing = join(folder, "better_sqlite3.node");
  const opened = openSqliteStore({ path, now: () => 1, nativeBinding: missing });
  expect(opened).toMatchObject({
    ok: false,
    fault: { code: "store-unavailable", message: expect.stringContaining(path) },
  });
});

test("a file that other users could read is made private before it is used", () => {
  open().close();
  chmodSync(path, 0o644);
  open();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a store that may only be read is refused, and one that may not even be read", () => {
  open().close();
  chmodSync(folder, 0o755);
  chmodSync(path, 0o444);
  asNobody(() =>
    expect(refusal()).toMatchObject({ code: "store-unavailable", message: expect.stringContaining(path) }),
  );
  chmodSync(path, 0o400);
  asNobody(() =>
    expect(refusal()).toMatchObject({ code: "store-unavailable", message: expect.stringContaining(path) }),
  );
  chmodSync(folder, 0o500);
  path = join(folder, "new", "store.db");
  asNobody(() =>
    expect(refusal()).toMatchObject({ code: "store-unavailable", message: expect.stringContaining(path) }),
  );
});

test("a stranger's lock fails writes with a fault, and they work again once it is gone", async () => {
  const store = open();
  const created = create(store, "one");
  const queued = store.createMessage(messageRecord({ sessionId: "one" }));
  const stranger = await lockFromOutside();
  const refused = faultOf(() => create(store, "two"));
  expect(refused).toMatchObject({
    code: "store-unavailable",
    message: `${path} is locked by another program`,
    retryable: true,
  });
  expect(refused.hint).toContain("running sessions go on");
  expect(store.sessions()).toEqual([created]);
  expect(store.transitions("one")).toHaveLength(1);
  const second = messageRecord({ id: "second", sessionId: "one" });
  expect(faultOf(() => store.createMessage(second))).toEqual(refused);
  const delivering = { state: "delivering", reason: "it is being typed", atMs: 2 } as const;
  expect(faultOf(() => store.changeMessage(queued.id, queued.revision, delivering))).toEqual(refused);
  expect(faultOf(() => store.saveScreen("one", screen("after")))).toEqual(refused);
  expect(store.message("second")).toBeUndefined();
  expect(store.messages("one", { unsettled: true })).toEqual([queued]);

  await ended(stranger);
  create(store, "two");
  expect(store.sessions()).toHaveLength(2);
  expect(store.createMessage(second).state).toBe("queued");
  expect(store.changeMessage(queued.id, queued.revision, delivering).state).toBe("delivering");
  store.saveScreen("one", screen("after"));
  expect(store.screen("one")?.ansi).toBe("after");
});

test("a store that a stranger has locked is not opened, and is once it is free", async () => {
  open().close();
  const stranger = await lockFromOutside();
  expect(refusal()).toMatchObject({
    code: "store-unavailable",
    message: `${path} is locked by another program`,
    retryable: true,
  });
  await ended(stranger);
  expect(open().sessions()).toEqual([]);
});

test("a closed store says that it is closed", () => {
  const store = open();
  store.close();
  expect(faultOf(() => create(store, "one"))).toMatchObject({ code: "store-unavailable", retryable: true });
  expect(faultOf(() => store.events({ limit: 1 })).code).toBe("store-unavailable");
  expect(faultOf(() => store.message("one")).code).toBe("store-unavailable");
  expect(faultOf(() => store.screen("one")).code).toBe("store-unavailable");
});

test("a full disk fails writes, loses nothing that was acknowledged, and writes work again once there is space", (context) => {
  mountSmallDisk(context, folder);
  path = join(folder, "store.db");
  const store = open();
  const acknowledged: SessionRecord[] = [create(store, "before")];
  const filler = fill(folder);
  const refused = faultOf(() => {
    for (let n = 0; n < 1000; n += 1) acknowledged.push(create(store, `session-${n}`));
  });
  expect(refused).toMatchObject({ code: "disk-full", message: `no space left to write ${path}`, retryable: true });
  expect(refused.hint).toContain("running sessions go on");
  expect(store.sessions()).toEqual(acknowledged);
  expect(store.events({ limit: 2000 })).toHaveLength(acknowledged.length);

  rmSync(filler);
  acknowledged.push(create(store, "after"));
  store.close();
  expect(open().sessions()).toEqual(acknowledged);
});

test("a message that was acknowledged before the disk was full is there after it, and one that was not is not", (context) => {
  mountSmallDisk(context, folder);
  path = join(folder, "store.db");
  const store = open();
  create(store, "one");
  const acknowledged: MessageRecord[] = [];
  const filler = fill(folder);
  const send = (n: number) => {
    const message = messageRecord({ id: `message-${n}`, sessionId: "one", text: "x".repeat(10_000) });
    acknowledged.push(store.createMessage(message));
  };
  const refused = faultOf(() => {
    for (let n = 0; n < 1000; n += 1) send(n);
  });
  expect(refused).toMatchObject({ code: "disk-full", message: `no space left to write ${path}`, retryable: true });
  const asWritten = [...acknowledged];
  expect(store.messages("one", { unsettled: true })).toEqual(asWritten);
  expect(store.messages("one")).toEqual(asWritten);

  rmSync(filler);
  // The message that was refused is sent again under its id.
  send(acknowledged.length);
  const [first] = acknowledged;
  if (first === undefined) throw new Error("no message was acknowledged");
  acknowledged[0] = store.changeMessage(first.id, first.revision, { state: "delivered", reason: "typed", atMs: 2 });
  store.close();
  const reopened = open();
  expect(reopened.messages("one")).toEqual(acknowledged);
  expect(reopened.messages("one", { unsettled: true })).toEqual(acknowledged.slice(1));
  expect(reopened.events({ limit: 2000, sessionId: "one" })).toHaveLength(acknowledged.length + 2);
});

test("a store cannot be made on a full disk, and can once there is space", (context) => {
  mountSmallDisk(context, folder);
  path = join(folder, "store.db");
  const filler = fill(folder);
  expect(refusal()).toMatchObject({ code: "disk-full", message: `no space left to write ${path}` });
  rmSync(filler);
  expect(open().sessions()).toEqual([]);
});

function screen(ansi: string): ScreenSnapshot {
  return { attempt: 1, offset: 0, held: new Uint8Array(), columns: 80, rows: 24, ansi, fullScreen: false };
}

function damage(from: number, to: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(to - from, 0xa5), 0, to - from, from);
  closeSync(file);
}

/** Root may write to everything: the checks run as a user who may not. */
function asNobody(check: () => void): void {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    check();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/** Another process that holds the write lock until its standard input is closed. */
async function lockFromOutside(): Promise<ChildProcess> {
  const source = `
    const database = new (require("better-sqlite3"))(process.argv[1]);
    database.exec("BEGIN IMMEDIATE");
    console.log("locked");
    process.stdin.resume();`;
  const stranger = spawn(process.execPath, ["-e", source, path], {
    cwd: import.meta.dirname,
    stdio: ["pipe", "pipe", "inherit"],
  });
  undo.push(() => stranger.kill("SIGKILL"));
  await once(stranger.stdout, "data");
  return stranger;
}

async function ended(stranger: ChildProcess): Promise<void> {
  const exit = once(stranger, "exit");
  stranger.stdin?.end();
  await exit;
}

/** A file system of 1 MiB on `folder`. */
function mountSmallDisk(context: TestContext, folder: string): void {
  try {
    runAsRoot("mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", folder);
  } catch {
    context.skip("needs a small disk to fill: root, and a system that lets it mount a tmpfs");
  }
  undo.push(() => runAsRoot("umount", folder));
}

function runAsRoot(program: string, ...argv: string[]): void {
  execFileSync(program, argv, { stdio: "pipe" });
}

/** Takes all space that is left. */
function fill(folder: string): string {
  const filler = join(folder, "filler");
  const file = openSync(filler, "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch {
    return filler; // No space left: that is what was wanted.
  } finally {
    closeSync(file);
  }
}

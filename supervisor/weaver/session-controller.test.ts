/** The weaver over a scripted world: what happens to a session whatever its process, its host or its people do. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFakeHive, type FakeHive } from "../../test/fakes/fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import type { Desired, SessionRecord } from "../core/session.ts";
import type { SessionActivity } from "../ports/live.ts";
import { startWeaver, type Weaver } from "./weaver.ts";

const silent = { info() {}, warn() {}, error() {} };
const LIMITS = { maxSessions: 1000, memoryFloorBytes: 0 };
const logReaders = { count: () => 0, onNone: () => ({ dispose() {} }) };
const activity: SessionActivity = {
  of: () => "idle",
  quietMs: () => undefined,
  onChange: () => ({ dispose() {} }),
};
const STOP: Desired = { state: "stopped", mode: "stop", graceMs: 1000, requestedAtMs: 0, by: "the user" };

let store: MemoryStore;
let clock: MovedClock;
let hive: FakeHive;
let weaver: Weaver;

beforeEach(() => {
  store = createMemoryStore();
  clock = createMovedClock();
  hive = createFakeHive({ id: store.hiveId, now: clock.now });
  weaver = startWeaver({ store, hive, clock, log: silent, activity, logReaders, limits: () => LIMITS });
});
afterEach(() => weaver.dispose());

async function started(given: Parameters<typeof sessionRecord>[0] = {}): Promise<SessionRecord> {
  const created = store.createSession(sessionRecord({ hiveId: store.hiveId, ...given }), "asked for by the user");
  await weaver.idle();
  return now(created);
}

function now(session: SessionRecord): SessionRecord {
  const found = store.session(session.id);
  if (found === undefined) throw new Error(`${session.id} has been removed`);
  return found;
}

/** Lets so much time pass, in steps in which ticks can follow timers. */
async function pass(totalMs: number): Promise<void> {
  for (let passed = 0; passed < totalMs; passed += 50) {
    clock.advance(50);
    await weaver.idle();
  }
}

function want(session: SessionRecord, desired: Desired): void {
  store.changeSession(session.id, now(session).revision, { desired });
}

const phases = (session: SessionRecord) => store.transitions(session.id).map((transition) => transition.to);
const main = (session: SessionRecord) => hive.processesOf(session.id)[0];

describe("a start", () => {
  test("makes the worktree, then the process, and says so in order", async () => {
    const session = await started();
    expect(session.observed).toMatchObject({
      phase: "RUNNING",
      attempt: 1,
      hostId: hive.hostId(),
      main: { pid: main(session)?.member.pid },
    });
    expect(phases(session)).toEqual(["PENDING", "STARTING", "RUNNING"]);
    expect(hive.workspacePaths).toContain(session.workspace.path);
    expect(hive.specs).toHaveLength(1);
  });

  test("that cannot be made is CRASHED with the reason, and is not tried again", async () => {
    hive.failing.start = { code: "program-not-found", message: "there is no program worker", retryable: false };
    const session = await started();
    expect(session.observed.phase).toBe("CRASHED");
    expect(session.observed.reason).toContain("there is no program worker");
    delete hive.failing.start;
    await pass(60_000);
    expect(hive.processesOf(session.id)).toEqual([]);
  });

  test("that fails for a while is tried again until it goes, and starts one process", async () => {
    hive.failing.prepare = { code: "git-failed", message: "index.lock exists", retryable: true };
    const session = await started();
    expect(session.observed.phase).toBe("STARTING");
    await pass(1000);
    delete hive.failing.prepare;
    await pass(30_000);
    expect(now(session).observed.phase).toBe("RUNNING");
    expect(hive.processesOf(session.id)).toHaveLength(1);
  });
});

describe("an end", () => {
  test.each([
    [{ code: 0, signal: null }, "COMPLETED"],
    [{ code: 3, signal: null }, "CRASHED"],
    [{ code: null, signal: "SIGSEGV" }, "CRASHED"],
  ])("%o is %s, with the exit recorded and acknowledged", async (exit, phase) => {
    const session = await started();
    hive.exit(session.id, exit);
    await weaver.idle();
    expect(now(session).observed).toMatchObject({ phase, exit, endedAtMs: clock.now() });
    const key = { sessionId: session.id, process: "main", attempt: 1 };
    const seen = await hive.processes.observe(key);
    expect(seen.ok && seen.value.process).toBeUndefined();
  });

  test("what was left behind is ended first, and named", async () => {
    const session = await started();
    const child = hive.leaveChild(session.id, "node server.js");
    hive.exit(session.id, { code: 0, signal: null });
    await weaver.idle();
    await pass(200);
    expect(child.signals).toEqual(["SIGTERM"]);
    expect(now(session).observed.phase).toBe("COMPLETED");
    expect(now(session).observed.reason).toContain("node server.js");
  });

  test("--keep-children leaves them alone", async () => {
    const session = await started({ spec: { keepChildren: true } });
    const child = hive.leaveChild(session.id, "node server.js");
    hive.exit(session.id, { code: 0, signal: null });
    await weaver.idle();
    expect(child.signals).toEqual([]);
    expect(now(session).observed.phase).toBe("COMPLETED");
  });
});

describe("a stop", () => {
  test("is SIGTERM to the whole tree, and SIGKILL to what is left after the grace, not before", async () => {
    const session = await started();
    const child = hive.leaveChild(session.id, "stubborn", ["SIGTERM"]);
    want(session, STOP);
    await weaver.idle();
    await pass(900);
    expect(child.signals).toEqual(["SIGTERM"]);
    expect(now(session).observed.phase).toBe("STOPPING");
    await pass(300);
    expect(child.signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(now(session).observed).toMatchObject({ phase: "STOPPED", exit: { signal: "SIGTERM" } });
    expect(store.transitions(session.id).at(-1)?.evidence).toMatchObject({
      ended: [{ command: expect.any(String) }, { command: "stubborn" }],
    });
  });

  test("that the supervisor did not live to finish is finished by the next, from the first one's time", async () => {
    const session = await started();
    const process = main(session);
    if (process !== undefined) process.ignores = ["SIGTERM"];
    want(session, STOP);
    await weaver.idle();
    await pass(600);
    weaver.dispose();
    weaver = startWeaver({ store, hive, clock, log: silent, activity, logReaders, limits: () => LIMITS });
    await weaver.idle();
    await pass(600);
    expect(now(session).observed).toMatchObject({ phase: "STOPPED", exit: { signal: "SIGKILL" } });
  });

  test("whose signal could not be sent for longer than SIGKILL's patience ends the tree all the same", async () => {
    const session = await started();
    const child = hive.leaveChild(session.id, "stubborn", ["SIGTERM"]);
    want(session, STOP);
    await weaver.idle();
    await pass(900);
    hive.failing.signalTree = { code: "host-unavailable", message: "not now", retryable: true };
    await pass(15_000);
    expect(child.alive).toBe(true);
    expect(now(session).observed.phase).toBe("STOPPING");
    delete hive.failing.signalTree;
    await pass(31_000);
    expect(child.alive).toBe(false);
    expect(now(session).observed.phase).toBe("STOPPED");
  });

  test("hardened to a kill does not wait for the grace", async () => {
    const session = await started();
    const process = main(session);
    if (process !== undefined) process.ignores = ["SIGTERM"];
    want(session, { ...STOP, graceMs: 60_000 });
    await weaver.idle();
    want(session, { ...STOP, mode: "kill" });
    await weaver.idle();
    await pass(200);
    expect(now(session).observed.phase).toBe("STOPPED");
  });

  test("before the start needs no process", async () => {
    hive.failing.prepare = { code: "git-failed", message: "index.lock exists", retryable: true };
    const session = await started();
    want(session, STOP);
    await weaver.idle();
    expect(now(session).observed.phase).toBe("STOPPED");
    expect(hive.specs).toEqual([]);
  });
});

describe("a process host that dies", () => {
  test("leaves LOST sessions, whose survivors are killed first, and a gap in the log", async () => {
    const session = await started();
    const process = main(session);
    if (process !== undefined) process.ignores = ["SIGHUP", "SIGTERM"];
    hive.loseHost();
    await weaver.idle();
    await pass(500);
    expect(process?.alive).toBe(false);
    expect(process?.signals).toEqual(["SIGHUP", "SIGKILL"]);
    expect(now(session).observed.phase).toBe("LOST");
    expect(hive.records.map((one) => one.record)).toContainEqual({ bytes: null, reason: "host-lost" });
  });

  test("loses no exit that was seen before", async () => {
    const session = await started();
    hive.leaveChild(session.id, "stubborn", ["SIGTERM"]);
    hive.exit(session.id, { code: 7, signal: null });
    await weaver.idle();
    hive.loseHost();
    await weaver.idle();
    await pass(20_000);
    expect(now(session).observed).toMatchObject({ phase: "CRASHED", exit: { code: 7 } });
  });

  test("while no host answers, nobody is declared dead", async () => {
    const session = await started();
    hive.failing.observe = { code: "host-unavailable", message: "no host", retryable: true };
    weaver.look(session.id);
    await pass(60_000);
    expect(now(session).observed.phase).toBe("RUNNING");
    delete hive.failing.observe;
    weaver.look(session.id);
    await weaver.idle();
    expect(now(session).observed.phase).toBe("RUNNING");
  });
});

describe("a removal", () => {
  const REMOVE: Desired = { ...STOP, state: "removed", force: false };

  test("ends a living session first, then takes worktree, log and record", async () => {
    const session = await started();
    want(session, REMOVE);
    await weaver.idle();
    await pass(500);
    expect(store.session(session.id)).toBeUndefined();
    expect(hive.workspacePaths.size).toBe(0);
  });

  test("that would lose work keeps everything and says why", async () => {
    const session = await started();
    hive.unsaved = ["1 untracked file: work.txt"];
    hive.exit(session.id, { code: 0, signal: null });
    await weaver.idle();
    want(session, REMOVE);
    await weaver.idle();
    expect(now(session)).toMatchObject({
      desired: { state: "stopped" },
      observed: { phase: "COMPLETED", fault: { code: "work-would-be-lost" } },
    });
    expect(hive.workspacePaths).toContain(session.workspace.path);
  });
});

test("every transition from the first start on stands in the log, once, also when writing it failed for a while", async () => {
  hive.failing.append = { code: "host-unavailable", message: "no host", retryable: true };
  const session = await started();
  delete hive.failing.append;
  hive.exit(session.id, { code: 0, signal: null });
  await weaver.idle();
  const markers = hive.records.flatMap((one) => ("marker" in one.record ? [one.record.text] : []));
  expect(markers).toEqual([expect.stringContaining("-> RUNNING"), expect.stringContaining("-> COMPLETED")]);
});

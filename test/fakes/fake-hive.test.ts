/** The fakes together, under the real weaver: that they behave as a machine does, as far as the weaver sees it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { fault } from "../../schemas/fault.ts";
import { type Desired, hasEnded, type SessionSpec } from "../../supervisor/core/session.ts";
import { startWeaver, type Weaver } from "../../supervisor/weaver/weaver.ts";
import { createFakeHive, type FakeHive } from "./fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";
import { createMovedClock, type MovedClock } from "./moved-clock.ts";
import { sessionRecord } from "./session-record.ts";

const ID = "abcdefghijkl";
const LIMITS = { maxSessions: 1000, memoryFloorBytes: 0 };
const READERS = { count: () => 0, onNone: () => ({ dispose() {} }) };
const ACTIVITY = { of: () => "idle" as const, quietMs: () => undefined, onChange: () => ({ dispose() {} }) };
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

let clock: MovedClock;
let hive: FakeHive;
let store: MemoryStore;
let weaver: Weaver;
beforeEach(() => {
  clock = createMovedClock();
  hive = createFakeHive({ now: clock.now });
  store = createMemoryStore({ hiveId: hive.id });
  weaver = startWeaver({
    store,
    hive,
    clock,
    log: SILENT,
    activity: ACTIVITY,
    logReaders: READERS,
    limits: () => LIMITS,
  });
});
afterEach(() => weaver.dispose());

async function run(spec: Partial<SessionSpec> = {}): Promise<void> {
  store.createSession(sessionRecord({ id: ID, spec }), "asked for");
  await weaver.idle();
}

async function want(desired: {
  readonly state: "stopped" | "removed";
  readonly mode: "stop" | "kill";
  readonly force?: boolean;
}): Promise<void> {
  const session = store.session(ID);
  if (session === undefined) throw new Error("the session is gone");
  const asked = { graceMs: 10_000, requestedAtMs: clock.now(), by: "the user", force: false, ...desired } as Desired;
  store.changeSession(ID, session.revision, { desired: asked });
  await weaver.idle();
}

/** Lets time pass from timer to timer, until none is armed. */
async function settle(): Promise<void> {
  for (let next = clock.nextTimerMs(); next !== undefined; next = clock.nextTimerMs()) {
    clock.advance(next - clock.now());
    await weaver.idle();
  }
}

const phases = () => store.transitions(ID).map(({ to }) => to);
const observed = () => store.session(ID)?.observed;

test("a session runs and completes, and its markers stand in its log", async () => {
  await run();
  expect(observed()).toMatchObject({ phase: "RUNNING", hostId: "host-1", main: { pid: 101 } });
  expect(hive.specs).toMatchObject([{ argv: ["worker", "--once"], environment: { PATH: "/usr/bin" } }]);
  expect(hive.workspacePaths.size).toBe(1);

  hive.exit(ID, { code: 0, signal: null });
  await weaver.idle();
  expect(phases()).toEqual(["PENDING", "STARTING", "RUNNING", "COMPLETED"]);
  expect(store.unmarkedTransitions(ID)).toEqual([]);
  expect(hive.records.map(({ record }) => "text" in record && record.text)).toEqual([
    "STARTING -> RUNNING: started as process 101",
    "RUNNING -> COMPLETED: exited with code 0",
  ]);
  expect(await hive.processes.observe({ sessionId: ID, process: "main", attempt: 1 })).toMatchObject({
    value: { process: undefined },
  });
});

test("a stop asks first, and kills who does not listen when the grace is over", async () => {
  await run();
  const stubborn = hive.leaveChild(ID, "stubborn", ["SIGTERM"]);
  await want({ state: "stopped", mode: "stop" });
  expect(stubborn.signals).toEqual(["SIGTERM"]);
  const askedAtMs = clock.now();
  await settle();
  expect(stubborn).toMatchObject({ alive: false, signals: ["SIGTERM", "SIGKILL"] });
  expect(observed()).toMatchObject({ phase: "STOPPED", exit: { code: null, signal: "SIGTERM" } });
  expect(observed()?.endedAtMs).toBe(askedAtMs);
  expect(clock.now()).toBeGreaterThanOrEqual(askedAtMs + 10_000);
});

test("what a main process leaves behind is ended and named", async () => {
  await run();
  const child = hive.leaveChild(ID, "server");
  hive.exit(ID, { code: 3, signal: null });
  await weaver.idle();
  await settle();
  expect(child.alive).toBe(false);
  expect(observed()).toMatchObject({
    phase: "CRASHED",
    reason: expect.stringContaining("left behind and ended: 102 server"),
  });
});

test("when the host dies what is left is killed, and the session is lost", async () => {
  await run();
  const child = hive.leaveChild(ID, "server", ["SIGTERM", "SIGHUP"]);
  hive.loseHost();
  await weaver.idle();
  await settle();
  expect(child).toMatchObject({ alive: false, signals: ["SIGKILL"] });
  expect(observed()).toMatchObject({ phase: "LOST" });
  expect(hive.records).toContainEqual({ stream: `${ID}/main@1`, record: { bytes: null, reason: "host-lost" } });
});

test("what fails in a way that may pass is tried again, what cannot ends the session", async () => {
  hive.failing.start = fault("host-unavailable", "no host yet", { retryable: true });
  await run();
  expect(observed()?.phase).toBe("STARTING");
  hive.failing.start = fault("program-not-found", "no program worker");
  await settle();
  expect(observed()).toMatchObject({ phase: "CRASHED", reason: "could not start: no program worker" });
});

test("a removal ends the session, and is refused while work would be lost", async () => {
  await run();
  hive.unsaved = ["1 changed file"];
  await want({ state: "removed", mode: "kill" });
  await settle();
  expect(hasEnded(observed()?.phase ?? "RUNNING")).toBe(true);
  expect(observed()?.fault?.code).toBe("work-would-be-lost");
  expect(hive.workspacePaths.size).toBe(1);

  await want({ state: "removed", mode: "kill", force: true });
  await settle();
  expect(store.session(ID)).toBeUndefined();
  expect(hive.workspacePaths.size).toBe(0);
  expect(store.events({ limit: 100 }).at(-1)).toMatchObject({
    kind: "session.removed",
    data: { savedAs: `refs/overmind/trash/${ID}` },
  });
});

import { beforeEach, expect, test } from "vitest";
import { ok } from "../../schemas/fault.ts";
import type { HostedProcess } from "../../schemas/host-protocol.ts";
import { createFakeHive, type FakeHive } from "../../test/fakes/fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { IDLE_AFTER_MS } from "../core/activity.ts";
import { type ActivityTracker, trackActivity } from "./activity.ts";

let clock: MovedClock;
let store: MemoryStore;
let hive: FakeHive;
let told: string[];

beforeEach(() => {
  clock = createMovedClock();
  store = createMemoryStore();
  hive = createFakeHive({ now: clock.now });
  told = [];
});

function track(): ActivityTracker {
  const tracker = trackActivity({ store, hive, clock });
  tracker.onChange((sessionId, activity) => told.push(`${sessionId} ${activity} ${clock.now() - 1_000_000}`));
  return tracker;
}
const output = (sessionId: string, process = "main") => hive.activity({ sessionId, process, attempt: 1 }, clock.now());

test("output makes it work, silence of 1.5 s makes it idle, and each change is told once", () => {
  const tracker = track();
  expect(tracker.of("a")).toBe("idle");
  output("a");
  expect(tracker.of("a")).toBe("working");
  clock.advance(1000);
  output("a");
  clock.advance(IDLE_AFTER_MS - 1);
  expect(tracker.of("a")).toBe("working");
  clock.advance(1);
  expect(tracker.of("a")).toBe("idle");
  output("a");
  expect(told).toEqual(["a working 0", "a idle 2500", "a working 2500"]);
});

test("input is a byte too", () => {
  const tracker = track();
  tracker.noteInput("a");
  expect(tracker.of("a")).toBe("working");
  clock.advance(IDLE_AFTER_MS);
  expect(tracker.of("a")).toBe("idle");
});

test("other processes of a session say nothing about the agent", () => {
  const tracker = track();
  output("a", "service:web");
  expect(tracker.of("a")).toBe("idle");
});

test("one timer serves all, each falls idle in its own time, and none is armed while nobody works", () => {
  const tracker = track();
  expect(clock.nextTimerMs()).toBeUndefined();
  for (let count = 0; count < 10; count += 1) {
    output(`s${count}`);
    clock.advance(100);
  }
  for (let count = 0; count < 10; count += 1) {
    clock.advance(count === 0 ? IDLE_AFTER_MS - 1000 : 100);
    const idle = Array.from({ length: 10 }, (_, at) => tracker.of(`s${at}`) === "idle");
    expect(idle).toEqual(Array.from({ length: 10 }, (_, at) => at <= count));
  }
  expect(clock.nextTimerMs()).toBeUndefined();
});

test("a report that comes late does not make it work", () => {
  const tracker = track();
  hive.activity({ sessionId: "a", process: "main", attempt: 1 }, clock.now() - IDLE_AFTER_MS);
  expect(tracker.of("a")).toBe("idle");
  expect(clock.nextTimerMs()).toBeUndefined();
});

test("a time to come counts as now", () => {
  const tracker = track();
  hive.activity({ sessionId: "a", process: "main", attempt: 1 }, clock.now() + 3_600_000);
  clock.advance(IDLE_AFTER_MS);
  expect(tracker.of("a")).toBe("idle");
});

test("after a restart of the supervisor it begins with what the process host last saw", async () => {
  const lastOutputMs: Record<string, number> = { busy: clock.now() - 500, quiet: clock.now() - 60_000 };
  for (const id of ["busy", "quiet"]) {
    const created = store.createSession(sessionRecord({ id, name: id, observed: { attempt: 1 } }), "test");
    store.changeSession(id, created.revision, {
      transition: { atMs: clock.now(), to: "RUNNING", reason: "", evidence: {} },
    });
  }
  hive.processes.observe = (key) => {
    const process = { key, lastOutputMs: lastOutputMs[key.sessionId] } as HostedProcess;
    return Promise.resolve(ok({ hostId: "host", process }));
  };
  const tracker = track();
  await new Promise((resolve) => setImmediate(resolve));
  expect([tracker.of("busy"), tracker.of("quiet")]).toEqual(["working", "idle"]);
  clock.advance(IDLE_AFTER_MS - 500);
  expect(tracker.of("busy")).toBe("idle");
});

test("an ended session is forgotten", () => {
  const tracker = track();
  const created = store.createSession(sessionRecord({ id: "a" }), "test");
  output("a");
  store.changeSession("a", created.revision, {
    transition: { atMs: clock.now(), to: "CRASHED", reason: "", evidence: {} },
  });
  expect(tracker.of("a")).toBe("idle");
});

test("nothing is left armed after dispose", () => {
  const tracker = track();
  output("a");
  tracker.dispose();
  expect(clock.nextTimerMs()).toBeUndefined();
});

test("its silence is measured while the machine is awake, from its last output or start", () => {
  const tracker = track();
  store.createSession(sessionRecord({ id: "a", spec: { activityTimeoutMs: 60_000 } }), "test");
  clock.advance(2000);
  expect(tracker.quietMs("a")).toBe(2000);
  output("a");
  clock.advance(700);
  expect(tracker.quietMs("a")).toBe(700);
  clock.sleep(3_600_000);
  expect(tracker.quietMs("a")).toBe(700);
  const created = store.session("a");
  store.changeSession("a", created?.revision ?? 0, {
    transition: { atMs: clock.now(), to: "STARTING", reason: "", evidence: {} },
  });
  expect(tracker.quietMs("a")).toBe(0);
});

test("a supervisor that has just begun ends nobody for what it did not see", () => {
  store.createSession(sessionRecord({ id: "a", spec: { activityTimeoutMs: 1000 } }), "test");
  clock.advance(3_600_000);
  const tracker = track();
  clock.advance(10);
  expect(tracker.quietMs("a")).toBe(10);
});

import { describe, expect, test } from "vitest";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { describeExit } from "./describe-exit.ts";
import { planSession } from "./plan-session.ts";
import {
  type Desired,
  ENDED_PHASES,
  type Observed,
  PHASES,
  type SessionRecord,
  type SessionSpec,
  type TreeMember,
} from "./session.ts";
import type { SessionAction, SessionFacts } from "./session-action.ts";

const NOW = 1_000_000;
const main = { pid: 10, startTime: "100" };
const mainMember: TreeMember = { ...main, command: "worker" };
const child: TreeMember = { pid: 11, startTime: "101", command: "server --port 80" };
const exit0 = { code: 0, signal: null };
const exit3 = { code: 3, signal: null };

const unknown: SessionFacts["main"] = { state: "unknown" };
const running: SessionFacts["main"] = { state: "running", identity: main, startedAtMs: 5 };
const exited = (exit: { code: number | null; signal: string | null }): SessionFacts["main"] => ({
  state: "exited",
  identity: main,
  startedAtMs: 5,
  exit,
  atMs: NOW - 7,
});

const stop: Desired = { state: "stopped", mode: "stop", graceMs: 5_000, requestedAtMs: NOW, by: "the user" };
const kill: Desired = { ...stop, mode: "kill" };
const remove: Desired = { ...stop, state: "removed", force: true };

/** RUNNING as attempt 1 under host-1, unless the test says otherwise. */
function session(
  given: { observed?: Partial<Observed>; desired?: Desired; spec?: Partial<SessionSpec>; made?: boolean } = {},
): SessionRecord {
  const record = sessionRecord({
    desired: given.desired ?? { state: "running" },
    spec: given.spec ?? {},
    observed: { phase: "RUNNING", attempt: 1, hostId: "host-1", main, startedAtMs: 5, ...given.observed },
  });
  return { ...record, workspace: { ...record.workspace, made: given.made ?? true } };
}

function unstarted(phase: "PENDING" | "STARTING", given: { desired?: Desired; made?: boolean } = {}): SessionRecord {
  const record = sessionRecord({ desired: given.desired ?? { state: "running" }, observed: { phase } });
  return { ...record, workspace: { ...record.workspace, made: given.made ?? false } };
}

function plan(record: SessionRecord, facts: Partial<SessionFacts> = {}): SessionAction {
  return planSession(record, {
    nowMs: NOW,
    hostId: "host-1",
    main: running,
    tree: undefined,
    place: { free: true },
    quietMs: 0,
    busyChildren: 0,
    logReaders: 0,
    ...facts,
  });
}

describe("a start", () => {
  test.each<[string, SessionRecord, Partial<SessionFacts>, object]>([
    ["begins at once", unstarted("PENDING"), { main: unknown }, { type: "transition", to: "STARTING" }],
    ["makes the worktree first", unstarted("STARTING"), { main: unknown }, { type: "prepare-workspace" }],
    [
      "then starts the first attempt",
      unstarted("STARTING", { made: true }),
      { main: unknown },
      { type: "start-main", attempt: 1 },
    ],
    [
      "repeats the attempt that was recorded and is not known to be made",
      session({ observed: { phase: "STARTING" } }),
      { main: unknown },
      { type: "start-main", attempt: 1 },
    ],
    [
      "is over when the process runs",
      session({ observed: { phase: "STARTING" } }),
      { main: running },
      {
        type: "transition",
        to: "RUNNING",
        reason: "started as process 10",
        set: { main, startedAtMs: 5, hostId: "host-1" },
      },
    ],
    [
      "is over when the process has run and ended",
      session({ observed: { phase: "STARTING" } }),
      { main: exited(exit0) },
      { type: "transition", to: "RUNNING" },
    ],
    [
      "that the next host made is not lost with the one that it was decided on",
      session({ observed: { phase: "STARTING" } }),
      { main: running, hostId: "host-2" },
      { type: "transition", to: "RUNNING", set: { hostId: "host-2" } },
    ],
    [
      "that was never made is stopped at once",
      unstarted("PENDING", { desired: stop }),
      { main: unknown },
      {
        type: "transition",
        to: "STOPPED",
        reason: "stopped before it started, asked for by the user",
        set: { endedAtMs: NOW },
      },
    ],
    [
      "that may have been made is stopped as one that runs",
      session({ observed: { phase: "STARTING" }, desired: stop }),
      { main: unknown },
      { type: "transition", to: "STOPPING" },
    ],
  ])("%s", (_, record, facts, action) => {
    expect(plan(record, facts)).toMatchObject(action);
  });
});

describe("a running session", () => {
  test("is left alone", () => {
    expect(plan(session())).toEqual({ type: "rest" });
  });

  test.each([exit0, exit3, { code: null, signal: "SIGSEGV" }])(
    "has its exit recorded before anything else: %o",
    (exit) => {
      const action = { type: "record", set: { exit, endedAtMs: NOW - 7 } };
      for (const desired of [undefined, stop, kill, remove]) {
        expect(plan(session(desired === undefined ? {} : { desired }), { main: exited(exit) })).toEqual(action);
      }
    },
  );

  test.each<[string, Partial<SessionFacts>, object]>([
    ["is looked at for what it left", {}, { type: "look-for-tree" }],
    [
      "and when nothing was left it has ended",
      { tree: [] },
      { type: "transition", to: "CRASHED", reason: "exited with code 3", evidence: exit3, set: { ending: null } },
    ],
    [
      "and what was left is ended first",
      { tree: [child] },
      {
        type: "transition",
        to: "STOPPING",
        reason: "main process exited with code 3; it left 1 process behind",
        set: { ending: { cause: "left-behind", ended: [] } },
      },
    ],
  ])("that has exited %s", (_, facts, action) => {
    expect(plan(session({ observed: { exit: exit3 } }), { main: exited(exit3), ...facts })).toMatchObject(action);
  });

  test("that has exited keeps its children when it was told to", () => {
    const record = session({ spec: { keepChildren: true }, observed: { exit: exit0 } });
    expect(plan(record, { main: exited(exit0) })).toMatchObject({ type: "transition", to: "COMPLETED" });
    expect(plan({ ...record, desired: stop }, { main: exited(exit0) })).toEqual({ type: "look-for-tree" });
  });

  test.each([stop, remove])("is stopped when that is wanted: $state", (desired) => {
    expect(plan(session({ desired }))).toMatchObject({
      type: "transition",
      to: "STOPPING",
      reason: "stop asked for by the user",
      evidence: { graceMs: 5_000 },
      set: { ending: { cause: "asked", ended: [] } },
    });
  });
});

describe("an ending that was asked for", () => {
  const stopping = (observed: Partial<Observed>, desired = stop) =>
    session({ desired, observed: { phase: "STOPPING", ending: { cause: "asked", ended: [] }, ...observed } });
  const asked = (ending: object) => ({ ending: { cause: "asked" as const, ended: [mainMember], ...ending } });
  const tree = [mainMember, child];

  test.each<[string, SessionRecord, Partial<SessionFacts>, object]>([
    ["looks for the tree first", stopping({}), {}, { type: "look-for-tree" }],
    ["asks politely", stopping({}), { tree }, { type: "signal-tree", signal: "SIGTERM" }],
    ["waits", stopping(asked({ terminatedAtMs: NOW })), { tree }, { type: "wait", untilMs: NOW + 100 }],
    [
      "waits no longer than the grace",
      stopping(asked({ terminatedAtMs: NOW - 4_950 })),
      { tree },
      { type: "wait", untilMs: NOW + 50 },
    ],
    [
      "waits to the last millisecond of the grace",
      stopping(asked({ terminatedAtMs: NOW - 4_999 })),
      { tree },
      { type: "wait", untilMs: NOW + 1 },
    ],
    [
      "kills when the grace is over",
      stopping(asked({ terminatedAtMs: NOW - 5_000 })),
      { tree },
      { type: "signal-tree", signal: "SIGKILL" },
    ],
    [
      "kills at once when a kill is asked for",
      stopping({}, kill),
      { tree },
      { type: "signal-tree", signal: "SIGKILL" },
    ],
    [
      "kills at once when a kill is asked for meanwhile",
      stopping(asked({ terminatedAtMs: NOW - 1 }), kill),
      { tree },
      { type: "signal-tree", signal: "SIGKILL" },
    ],
    [
      "kills whoever came meanwhile",
      stopping(asked({ killedAtMs: NOW - 10 })),
      { tree },
      { type: "signal-tree", signal: "SIGKILL" },
    ],
    [
      "waits for the kernel",
      stopping(asked({ killedAtMs: NOW - 10 })),
      { tree: [mainMember] },
      { type: "wait", untilMs: NOW + 50 },
    ],
    [
      "does not take a new process of an old number for one that was signalled",
      stopping(asked({ killedAtMs: NOW - 10 })),
      { tree: [{ ...mainMember, startTime: "999" }] },
      { type: "signal-tree", signal: "SIGKILL" },
    ],
    [
      "names those that even SIGKILL does not end",
      stopping(asked({ killedAtMs: NOW - 10_001 })),
      { tree: [mainMember] },
      { type: "transition", to: "STOPPED", evidence: { ended: [mainMember], stuck: [mainMember] } },
    ],
    [
      "is not over while the host says that the main process runs",
      stopping({}),
      { tree: [] },
      { type: "signal-tree", signal: "SIGTERM" },
    ],
    [
      "is over when nobody is left",
      stopping({ ...asked({ terminatedAtMs: NOW - 9 }), exit: { code: null, signal: "SIGTERM" }, endedAtMs: NOW - 7 }),
      { main: exited({ code: null, signal: "SIGTERM" }), tree: [] },
      {
        type: "transition",
        to: "STOPPED",
        reason: "stopped, asked for by the user: main process ended by signal SIGTERM",
        evidence: { code: null, signal: "SIGTERM", ended: [mainMember] },
        set: { endedAtMs: NOW - 7, ending: null },
      },
    ],
  ])("%s", (_, record, facts, action) => {
    expect(plan(record, facts)).toMatchObject(action);
  });
});

describe("what was left behind", () => {
  const record = session({
    observed: {
      phase: "STOPPING",
      exit: exit0,
      endedAtMs: NOW - 9,
      ending: { cause: "left-behind", ended: [child], terminatedAtMs: NOW - 9_999 },
    },
  });

  test("gets the grace of the spec", () => {
    expect(plan(record, { main: exited(exit0), tree: [child] })).toEqual({ type: "wait", untilMs: NOW + 1 });
  });

  test("is named in the end", () => {
    expect(plan(record, { main: exited(exit0), tree: [] })).toMatchObject({
      to: "COMPLETED",
      reason: "exited with code 0; left behind and ended: 11 server --port 80",
    });
  });

  test("is ended also when its host has died meanwhile, and the exit stands", () => {
    const facts = { hostId: "host-2", main: unknown };
    expect(plan(record, { ...facts, tree: [child] })).toEqual({ type: "wait", untilMs: NOW + 1 });
    expect(plan(record, { ...facts, tree: [] })).toMatchObject({ to: "COMPLETED" });
  });
});

describe("a process host that died", () => {
  const gone = { hostId: "host-2", main: unknown };
  const ending = { cause: "host-lost" as const, ended: [] };

  test.each([undefined, stop, kill, remove])("has what is left ended first: %o", (desired) => {
    const record = session(desired === undefined ? {} : { desired });
    expect(plan(record, gone)).toMatchObject({
      type: "transition",
      to: "STOPPING",
      evidence: { hostId: "host-1", pid: 10 },
      set: { ending },
    });
    const stopping = { ...record, observed: { ...record.observed, phase: "STOPPING" as const, ending } };
    expect(plan(stopping, gone)).toEqual({ type: "look-for-tree" });
    expect(plan(stopping, { ...gone, tree: [child] })).toEqual({ type: "signal-tree", signal: "SIGKILL" });
    expect(plan(stopping, { ...gone, tree: [] })).toMatchObject({
      to: "LOST",
      reason: "its process host died; nothing of it was left",
      set: { endedAtMs: NOW, ending: null },
    });
  });

  test("takes nothing from a session that had not been started under it", () => {
    expect(plan(unstarted("STARTING", { made: true }), gone)).toEqual({ type: "start-main", attempt: 1 });
  });
});

describe("an ended session", () => {
  const ended = [...ENDED_PHASES];

  test.each(ended)("rests: %s", (phase) => {
    expect(plan(session({ observed: { phase } }), { main: unknown })).toEqual({ type: "rest" });
    expect(plan(session({ observed: { phase }, desired: stop }), { main: unknown })).toEqual({ type: "rest" });
    expect(plan(session({ observed: { phase } }), { main: unknown, hostId: "host-2" })).toEqual({ type: "rest" });
  });

  test.each(ended)("has its exit acknowledged, and kept when it was not known: %s", (phase) => {
    const known = session({ observed: { phase, exit: exit3 }, desired: remove });
    expect(plan(known, { main: exited(exit3) })).toEqual({ type: "acknowledge-exit" });
    const late = session({ observed: { phase }, desired: remove });
    expect(plan(late, { main: exited(exit3) })).toEqual({ type: "record", set: { exit: exit3 } });
  });

  test("is removed when that is wanted, or when it was started so", () => {
    const observed = { phase: "COMPLETED" as const };
    expect(plan(session({ observed, desired: remove }), { main: unknown })).toEqual({ type: "remove", force: true });
    const spec = { removeWhenEnded: true };
    expect(plan(session({ observed, spec }), { main: unknown })).toEqual({ type: "remove", force: false });
  });

  test("that removes itself waits for those who read its log or may still ask for it, within bounds", () => {
    const record = session({ observed: { phase: "COMPLETED", endedAtMs: NOW }, spec: { removeWhenEnded: true } });
    expect(plan(record, { main: unknown })).toEqual({ type: "wait", untilMs: NOW + 2_000 });
    expect(plan(record, { main: unknown, logReaders: 1 })).toEqual({ type: "wait", untilMs: NOW + 30_000 });
    expect(plan(record, { main: unknown, logReaders: 1, nowMs: NOW + 30_000 })).toEqual({
      type: "remove",
      force: false,
    });
    expect(plan({ ...record, desired: remove }, { main: unknown, logReaders: 1 })).toEqual({
      type: "remove",
      force: true,
    });
  });

  test("is not removed by itself again once that was refused", () => {
    const fault = { code: "work-would-be-lost", message: "2 changed files", retryable: false } as const;
    const record = session({ observed: { phase: "COMPLETED", fault }, spec: { removeWhenEnded: true } });
    expect(plan(record, { main: unknown })).toEqual({ type: "rest" });
  });

  test("is one of four phases", () => {
    expect(PHASES.filter((phase) => ENDED_PHASES.has(phase))).toEqual(["COMPLETED", "CRASHED", "STOPPED", "LOST"]);
  });
});

test.each([
  [exit0, "exited with code 0"],
  [{ code: null, signal: "SIGKILL" }, "ended by signal SIGKILL"],
])("the exit %o is told in words", (exit, words) => {
  expect(describeExit(exit)).toBe(words);
});

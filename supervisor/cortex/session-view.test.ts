import { expect, test } from "vitest";
import { eventViewSchema, sessionViewSchema, transitionViewSchema } from "../../schemas/session-view.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { PHASES } from "../core/session.ts";
import { eventView, sessionView, transitionView } from "./session-view.ts";

const usage = { sessionId: "abcdefghijkl", cpu: 0.5, memoryBytes: 1024, processes: 2, atMs: 5000 };
const live = { nowMs: 100_000, activity: "working" as const, usage, queuedMessages: 2, attached: 1 };

test.each(PHASES)("a session in phase %s is what the schema says", (phase) => {
  const record = sessionRecord({
    observed: {
      phase,
      attempt: 1,
      main: { pid: 7, startTime: "1" },
      startedAtMs: 2000,
      endedAtMs: 3000,
      exit: { code: null, signal: "SIGKILL" },
    },
  });
  const view = sessionView(record, live);
  expect(sessionViewSchema.parse(view)).toEqual(view);
  expect(view).toMatchObject({ phase, startedAt: "1970-01-01T00:00:02.000Z", exit: { code: null, signal: "SIGKILL" } });
});

test("one that has not been started has neither times nor process", () => {
  const view = sessionView(sessionRecord(), { ...live, activity: undefined, usage: undefined });
  expect(sessionViewSchema.parse(view)).toEqual(view);
  expect(view).toMatchObject({
    activity: null,
    pid: null,
    startedAt: null,
    endedAt: null,
    exit: null,
    usage: null,
    parentId: null,
  });
});

test("activity and usage are of those that run", () => {
  const viewOf = (phase: (typeof PHASES)[number]) => sessionView(sessionRecord({ observed: { phase } }), live);
  expect(viewOf("RUNNING")).toMatchObject({
    activity: "working",
    usage: { cpu: 0.5, sampledAt: "1970-01-01T00:00:05.000Z" },
  });
  expect(viewOf("COMPLETED")).toMatchObject({ activity: null, usage: null });
});

test("how it heals: its rule, what counts of it now, and the next try while it is in BACKOFF", () => {
  const healing = (phase: (typeof PHASES)[number], windowMs?: number) =>
    sessionView(
      sessionRecord({
        spec: {
          restart: { policy: "always", maxRestarts: 7, backoffMs: 0, ...(windowMs === undefined ? {} : { windowMs }) },
        },
        observed: { phase, restarts: 9, countedRestarts: [1000, 99_000], nextStartAtMs: 200_000 },
      }),
      live,
    );
  expect(healing("BACKOFF")).toMatchObject({
    restarts: 9,
    restart: { policy: "always", maxRestarts: 7, windowMs: null, backoffMs: 0, counted: 2 },
    nextStartAt: "1970-01-01T00:03:20.000Z",
  });
  expect(healing("RUNNING", 5000)).toMatchObject({ restart: { windowMs: 5000, counted: 1 }, nextStartAt: null });
});

test("I/O is null unless it was sampled", () => {
  const viewOf = (more: object) =>
    sessionView(sessionRecord({ observed: { phase: "RUNNING" } }), { ...live, usage: { ...usage, ...more } });
  expect(viewOf({}).usage).toMatchObject({ readBytesPerSecond: null, writtenBytesPerSecond: null });
  expect(viewOf({ readBytesPerSecond: 0, writtenBytesPerSecond: 5 }).usage).toMatchObject({
    readBytesPerSecond: 0,
    writtenBytesPerSecond: 5,
  });
});

test("values of the environment and the token are in no view", () => {
  const record = sessionRecord({ spec: { environment: { ZED: "a secret value", ALPHA: "another secret" } } });
  const text = JSON.stringify(sessionView(record, live));
  expect(text).not.toMatch(/secret|token/);
  expect(sessionView(record, live).environmentNames).toEqual(["ALPHA", "ZED"]);
});

test("transitions and events are what the schemas say", () => {
  const transition = transitionView({
    id: 3,
    sessionId: "s",
    atMs: 1,
    from: null,
    to: "PENDING",
    attempt: 0,
    reason: "why",
    evidence: { code: 1 },
  });
  expect(transitionViewSchema.parse(transition)).toEqual(transition);
  const event = eventView({ id: 4, atMs: 1, hiveId: "h", kind: "supervisor.started", data: { pid: 7 } });
  expect(eventViewSchema.parse(event)).toEqual({ ...event, sessionId: null, sessionName: null });
});

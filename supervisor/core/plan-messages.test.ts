import { describe, expect, test } from "vitest";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { IDLE_AFTER_MS } from "./activity.ts";
import { type MessageFacts, planMessages, RAW_PATIENCE_MS, startsNoMore, whyQueued } from "./plan-messages.ts";
import { type MessageRecord, PHASES, type SessionRecord } from "./session.ts";

const NOW = 1_000_000;

function message(given: Partial<MessageRecord> = {}): MessageRecord {
  return {
    id: "message1",
    sessionId: "abcdefghijkl",
    sequence: 1,
    createdAtMs: NOW,
    by: "the user",
    text: "hello",
    keys: [],
    enter: true,
    now: false,
    state: "queued",
    reason: "sent",
    revision: 1,
    ...given,
  };
}

const running = sessionRecord({ observed: { phase: "RUNNING", attempt: 1, hostId: "host-1" } });
const restart = { afterAttempt: 1, graceMs: 0, requestedAtMs: NOW, by: "the user" };

function facts(given: Partial<MessageFacts> = {}): MessageFacts {
  return {
    nowMs: NOW,
    hostId: "host-1",
    activity: "idle",
    main: { state: "running", startedAtMs: NOW - 60_000, lastOutputMs: NOW - 60_000 },
    lastInTurn: undefined,
    refused: undefined,
    ...given,
  };
}

const mainWith = (times: { readonly startedAtMs?: number; readonly lastOutputMs?: number }) =>
  facts({ main: { state: "running", startedAtMs: NOW - 60_000, lastOutputMs: NOW - 60_000, ...times } });

describe("a queued message", () => {
  test("is begun with the attempt and host that it goes to, when its session is idle", () => {
    const action = planMessages(running, [message()], facts());
    expect(action).toMatchObject({ type: "begin", attempt: 1, hostId: "host-1" });
  });

  test.each([
    ["working", { type: "wait", untilMs: NOW + RAW_PATIENCE_MS }],
    ["waiting", { type: "rest" }],
  ] as const)("is held back while the session is %s", (activity, action) => {
    expect(planMessages(running, [message()], facts({ activity }))).toEqual(action);
    expect(planMessages(running, [message({ now: true })], facts({ activity })).type).toBe("begin");
  });

  test("is held back while a program is silent because it has just started", () => {
    const just = mainWith({ startedAtMs: NOW - 100, lastOutputMs: 0 });
    expect(planMessages(running, [message()], just)).toEqual({ type: "wait", untilMs: NOW - 100 + IDLE_AFTER_MS });
  });

  test("is held back by output that nobody but the host has heard of yet", () => {
    const spoke = mainWith({ lastOutputMs: NOW - 500 });
    expect(planMessages(running, [message()], spoke)).toEqual({ type: "wait", untilMs: NOW - 500 + IDLE_AFTER_MS });
  });

  test("counts its ten seconds from the start of the program that it waits for", () => {
    const working = { ...mainWith({ startedAtMs: NOW - 4_000 }), activity: "working" as const };
    const old = message({ createdAtMs: NOW - 60_000 });
    expect(planMessages(running, [old], working)).toEqual({ type: "wait", untilMs: NOW - 4_000 + RAW_PATIENCE_MS });
  });

  test("does not wait for ever when the clock was set back meanwhile", () => {
    const early = message({ createdAtMs: NOW + 3_600_000 });
    expect(planMessages(running, [early], facts({ activity: "working" })).type).toBe("begin");
    expect(planMessages(running, [message()], mainWith({ lastOutputMs: NOW + 3_600_000 }))).toEqual({
      type: "wait",
      untilMs: NOW + IDLE_AFTER_MS,
    });
  });

  test("goes out with the one that it stood behind, and not with one of an earlier start", () => {
    const working = { activity: "working" } as const;
    const behind = facts({ ...working, lastInTurn: { attempt: 1, deliveredAtMs: NOW } });
    expect(planMessages(running, [message()], behind).type).toBe("begin");
    const later = facts({ ...working, lastInTurn: { attempt: 1, deliveredAtMs: NOW - 1 } });
    expect(planMessages(running, [message()], later).type).toBe("wait");
    const second = sessionRecord({ observed: { phase: "RUNNING", attempt: 2, hostId: "host-1" } });
    expect(planMessages(second, [message()], behind).type).toBe("wait");
  });

  test.each([
    ["asked to stop", { desired: { state: "stopped", mode: "stop", graceMs: 0, requestedAtMs: NOW, by: "the user" } }],
    ["asked to start anew", { desired: { state: "running", restart } }],
  ] as const)("stays queued while its session is %s", (_, given) => {
    expect(planMessages({ ...running, ...given }, [message({ now: true })], facts()).type).toBe("rest");
  });

  test.each(["PENDING", "STARTING", "BACKOFF", "STOPPING"] as const)("stays queued in %s", (phase) => {
    const session = sessionRecord({ observed: { phase, attempt: 1, hostId: "host-1" } });
    expect(planMessages(session, [message({ now: true })], facts()).type).toBe("rest");
  });

  test.each(["unknown", "exited"] as const)(
    "stays queued when its process is %s, whatever the record says",
    (state) => {
      expect(planMessages(running, [message({ now: true })], facts({ main: { state } })).type).toBe("rest");
    },
  );

  test.each(["COMPLETED", "CRASHED", "STOPPED", "LOST"] as const)("fails with the reason once %s", (phase) => {
    const ended = sessionRecord({ observed: { phase, reason: "exited with code 3", attempt: 1 } });
    expect(planMessages(ended, [message()], facts())).toMatchObject({
      type: "settle",
      state: "failed",
      reason: `the session has ended: ${phase}, exited with code 3`,
    });
    const wanted: SessionRecord = { ...ended, desired: { state: "running", restart } };
    expect(planMessages(wanted, [message()], facts()).type, "a new start is asked for").toBe("rest");
  });

  test("fails once its session is removed", () => {
    expect(planMessages(undefined, [message()], facts())).toMatchObject({ state: "failed" });
  });
});

describe("a message under way", () => {
  const underWay = message({ state: "delivering", attempt: 1, hostId: "host-1" });

  test("is handed over again, before all others and whatever has become of the session", () => {
    const others = [message({ id: "message0", now: true }), underWay];
    for (const session of [running, sessionRecord({ observed: { phase: "CRASHED", attempt: 1 } }), undefined]) {
      expect(planMessages(session, others, facts())).toEqual({ type: "deliver", message: underWay });
    }
  });

  test("is unconfirmed under another host", () => {
    expect(planMessages(running, [underWay], facts({ hostId: "host-2" }))).toMatchObject({
      state: "unconfirmed",
      reason: expect.stringContaining("process host died"),
    });
  });

  test.each([
    ["its process is gone and may come back", "terminal", true, "exited", "queued"],
    ["a pipe is closed and its program runs on", "pipes", true, "running", "failed"],
    ["the message itself was refused", "terminal", false, "running", "failed"],
  ] as const)("that was not typed because %s (%s) is settled", (_, stdio, gone, state, settled) => {
    const session = { ...running, spec: { ...running.spec, stdio } };
    const main = state === "running" ? facts().main : { state };
    const refused = { messageId: "message1", gone, why: "the program's input is closed" };
    const action = planMessages(session, [underWay], facts({ refused, main }));
    expect(action).toMatchObject({ type: "settle", state: settled });
    if (settled === "failed") expect(action).toMatchObject({ reason: "the program's input is closed" });
  });
});

test("a terminal that takes nothing is asked again while its process seems to run", () => {
  const underWay = message({ state: "delivering", attempt: 1, hostId: "host-1" });
  const refused = { messageId: "message1", gone: true, why: "the terminal is closed" };
  expect(planMessages(running, [underWay], facts({ refused }))).toEqual({
    type: "retry",
    why: "the terminal is closed",
  });
});

test("a session starts no more once it has ended, unless a new start is asked for after that very attempt", () => {
  for (const phase of PHASES) {
    const session = sessionRecord({ observed: { phase, attempt: 1 } });
    expect(startsNoMore(session), phase).toBe(["COMPLETED", "CRASHED", "STOPPED", "LOST"].includes(phase));
  }
  const ended = sessionRecord({ observed: { phase: "CRASHED", attempt: 1 } });
  expect(startsNoMore({ ...ended, desired: { state: "running", restart } })).toBe(false);
  expect(startsNoMore({ ...ended, desired: { state: "running", restart: { ...restart, afterAttempt: 0 } } })).toBe(
    true,
  );
});

test("why a message waits names what it waits for", () => {
  const backoff = sessionRecord({ observed: { phase: "BACKOFF", attempt: 1 } });
  expect(whyQueued(backoff, "idle", message())).toBe("it waits until calm-otter runs, which is BACKOFF");
  expect(whyQueued(running, "working", message())).toBe("it waits until calm-otter is idle");
  expect(whyQueued(running, "waiting", message())).toContain("waits for somebody");
  expect(whyQueued(running, "working", message({ now: true }))).toBe("it waits for its turn");
});

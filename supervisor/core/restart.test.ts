import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { countedRestarts, decideRestart, HEALTHY_AFTER_MS, LONGEST_BACKOFF_MS } from "./restart.ts";
import type { Observed, RestartRule, SessionRecord } from "./session.ts";

const NOW = 10_000_000;
const rule: RestartRule = { policy: "on-failure", maxRestarts: 5, backoffMs: 1_000 };

/** An attempt that ran for `ranMs` and has just ended. */
function ended(given: Partial<RestartRule> = {}, observed: Partial<Observed> = {}, ranMs = 10): SessionRecord {
  return sessionRecord({
    spec: { restart: { ...rule, ...given } },
    observed: { phase: "STOPPING", attempt: 1, startedAtMs: NOW - ranMs, endedAtMs: NOW, ...observed },
  });
}

function decide(session: SessionRecord, failed = true) {
  return decideRestart(session, { nowMs: NOW, failed, how: "exited with code 1" });
}

test.each([
  ["never", true, "none"],
  ["never", false, "none"],
  ["on-failure", true, "restart"],
  ["on-failure", false, "none"],
  ["always", true, "restart"],
  ["always", false, "restart"],
] as const)("%s, failed: %s -> %s", (policy, failed, type) => {
  expect(decide(ended({ policy }), failed).type).toBe(type);
});

describe("the bound", () => {
  const five = [1, 2, 3, 4, 5].map((n) => NOW - n * 1000).reverse();

  test("is so many since it was last healthy", () => {
    expect(decide(ended({}, { countedRestarts: five.slice(1) }))).toMatchObject({
      type: "restart",
      reason: expect.stringMatching(/^exited with code 1; restart 5 of 5 in /),
    });
    expect(decide(ended({}, { countedRestarts: five }))).toMatchObject({
      type: "used-up",
      reason: "restarts used up: 5 since it was last healthy, last exited with code 1",
      evidence: { restarts: 5, maxRestarts: 5 },
    });
  });

  test("forgets what was before 60 s of health, and so does the backoff", () => {
    const observed = { countedRestarts: five, backoffStep: 6, restarts: 5 };
    expect(decide(ended({}, observed, HEALTHY_AFTER_MS - 1)).type).toBe("used-up");
    expect(decide(ended({}, observed, HEALTHY_AFTER_MS))).toMatchObject({
      type: "restart",
      set: { countedRestarts: [NOW], backoffStep: 1, restarts: 6 },
    });
  });

  test("or counts in a window that slides, health or not", () => {
    const window = { windowMs: 3_500 };
    const last = { countedRestarts: five };
    expect(decide(ended({ ...window, maxRestarts: 3 }, last, HEALTHY_AFTER_MS)).type).toBe("used-up");
    expect(decide(ended({ ...window, maxRestarts: 4 }, last))).toMatchObject({
      set: { countedRestarts: [...five.slice(2), NOW] },
    });
  });

  test("of 0 allows none", () => {
    expect(decide(ended({ maxRestarts: 0 })).type).toBe("used-up");
  });

  test("is shown as it counts now, health in the present attempt included", () => {
    const running = (startedAtMs: number) => ended({}, { phase: "RUNNING", countedRestarts: five, startedAtMs });
    expect(countedRestarts(running(NOW - HEALTHY_AFTER_MS + 1), NOW)).toBe(5);
    expect(countedRestarts(running(NOW - HEALTHY_AFTER_MS), NOW)).toBe(0);
  });
});

describe("the backoff", () => {
  test("doubles, less at most a quarter, up to a minute", () => {
    for (let step = 0; step < 20; step += 1) {
      const decision = decide(ended({}, { backoffStep: step, attempt: step + 1 }));
      if (decision.type !== "restart") throw new Error(decision.type);
      const delayMs = (decision.set.nextStartAtMs ?? 0) - NOW;
      const whole = Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** step);
      expect(delayMs).toBeGreaterThanOrEqual(whole * 0.75 - 1);
      expect(delayMs).toBeLessThanOrEqual(whole);
    }
  });

  test("of 0 is none, however often", () => {
    expect(decide(ended({ backoffMs: 0 }, { backoffStep: 9 }))).toMatchObject({
      reason: "exited with code 1; restart 1 of 5 at once",
      set: { nextStartAtMs: NOW },
    });
  });

  test("differs from session to session and from attempt to attempt, and not from plan to plan", () => {
    const delays = Array.from({ length: 40 }, (_, n) => {
      const session = { ...ended({}, { attempt: n % 2 }), id: `session-${n}` };
      const [first, again] = [decide(session), decide(session)];
      expect(again).toEqual(first);
      return first.type === "restart" ? first.set.nextStartAtMs : undefined;
    });
    expect(new Set(delays).size).toBeGreaterThan(30);
  });
});

test("whatever crashes when, no more than the bound count at once, and a crash once an hour is never too much", () => {
  const life = fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 60 });
  fc.assert(
    fc.property(
      life,
      fc.nat(4),
      fc.option(fc.integer({ min: 1, max: 300_000 }), { nil: undefined }),
      (runs, maxRestarts, windowMs) => {
        const restart: RestartRule = { ...rule, maxRestarts, ...(windowMs === undefined ? {} : { windowMs }) };
        let observed: Partial<Observed> = { restarts: 0 };
        let nowMs = NOW;
        for (const [index, ranMs] of runs.entries()) {
          const startedAtMs = nowMs;
          nowMs += ranMs;
          const session = ended(restart, { ...observed, attempt: index + 1, startedAtMs, endedAtMs: nowMs });
          const decision = decideRestart(session, { nowMs, failed: true, how: "exited with code 1" });
          if (decision.type === "used-up") {
            expect(session.observed.countedRestarts ?? []).toHaveLength(
              Math.max(maxRestarts, session.observed.countedRestarts?.length ?? 0),
            );
            return;
          }
          if (decision.type === "none") throw new Error("a failure is answered");
          expect(decision.set.countedRestarts?.length).toBeLessThanOrEqual(maxRestarts);
          observed = { ...observed, ...(decision.set as Partial<Observed>) };
          nowMs = decision.set.nextStartAtMs ?? nowMs;
        }
      },
    ),
  );
  let observed: Partial<Observed> = {};
  for (let hour = 0; hour < 500; hour += 1) {
    const startedAtMs = NOW + hour * 3_600_000;
    const endedAtMs = startedAtMs + 3_599_000;
    const session = ended({ maxRestarts: 1 }, { ...observed, attempt: hour + 1, startedAtMs, endedAtMs });
    const decision = decideRestart(session, { nowMs: endedAtMs, failed: true, how: "exited with code 1" });
    if (decision.type !== "restart") throw new Error(`hour ${hour}: ${decision.type}`);
    observed = { ...observed, ...(decision.set as Partial<Observed>) };
    expect(decision.set.backoffStep).toBe(1);
  }
});

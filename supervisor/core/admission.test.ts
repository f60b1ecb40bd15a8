import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { type AdmissionFacts, firstInLine, placeFor, placeForNew } from "./admission.ts";
import type { Phase, SessionRecord } from "./session.ts";

const GIB = 2 ** 30;
const facts: AdmissionFacts = { maxSessions: 2, memoryFloorBytes: 2 * GIB, freeMemoryBytes: 8 * GIB };

function session(id: string, phase: Phase, given: { priority?: number; queuedAtMs?: number } = {}): SessionRecord {
  const { priority = 0, queuedAtMs } = given;
  return sessionRecord({
    id,
    spec: { priority },
    observed: { phase, ...(queuedAtMs === undefined ? {} : { queuedAtMs }) },
  });
}

describe("a place", () => {
  test.each<[string, Phase, boolean]>([
    ["held while it starts", "STARTING", true],
    ["held while it runs", "RUNNING", true],
    ["held while it ends", "STOPPING", true],
    ["given up in BACKOFF", "BACKOFF", false],
    ["given up at the end", "COMPLETED", false],
  ])("is %s", (_, phase, isHeld) => {
    const mine = session("m", "PENDING");
    const place = placeFor(mine, [session("a", phase), session("b", "RUNNING"), mine], facts);
    expect(place).toEqual(
      isHeld ? { free: false, waitsFor: "place", reason: "waits for a place: 2 of 2" } : { free: true },
    );
  });

  test("is given to the first who came, within a priority", () => {
    const running = session("r", "RUNNING");
    const early = session("z", "PENDING", { queuedAtMs: 1 });
    const late = session("a", "PENDING", { queuedAtMs: 2 });
    const all = [running, late, early];
    expect(placeFor(early, all, facts).free).toBe(true);
    expect(placeFor(late, all, facts).free).toBe(false);
    const urgent = session("u", "PENDING", { queuedAtMs: 3, priority: 1 });
    expect(placeFor(urgent, [...all, urgent], facts).free).toBe(true);
    expect(placeFor(early, [...all, urgent], facts).free).toBe(false);
    expect(firstInLine([...all, urgent], 3).map(({ id }) => id)).toEqual(["u", "z"]);
  });

  test("is not kept for one that is to be stopped", () => {
    const stopped: SessionRecord = {
      ...session("a", "PENDING", { queuedAtMs: 1 }),
      desired: { state: "stopped", mode: "stop", graceMs: 0, requestedAtMs: 2, by: "the user" },
    };
    const mine = session("m", "PENDING", { queuedAtMs: 5 });
    expect(placeFor(mine, [session("r", "RUNNING"), stopped, mine], facts).free).toBe(true);
  });

  test("for a new one comes after those of its priority that wait", () => {
    const all = [session("r", "RUNNING"), session("w", "PENDING")];
    expect(placeForNew(0, all, facts).free).toBe(false);
    expect(placeForNew(1, all, facts).free).toBe(true);
  });
});

test("memory is waited for, unless nobody can tell", () => {
  const mine = session("m", "PENDING");
  const short = { ...facts, freeMemoryBytes: 0.89 * GIB };
  expect(placeFor(mine, [mine], short)).toEqual({
    free: false,
    waitsFor: "memory",
    reason: "waits for memory: 0.8 of 2 GiB free",
  });
  expect(placeFor(mine, [mine], { ...facts, freeMemoryBytes: undefined })).toEqual({ free: true });
});

test("however many come and in whatever order, never more than the places are free, and nobody overtakes", () => {
  const one = fc.record({
    phase: fc.constantFrom<Phase>("PENDING", "STARTING", "RUNNING", "STOPPING", "BACKOFF", "CRASHED"),
    priority: fc.integer({ min: -1, max: 1 }),
    queuedAtMs: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 20 }), fc.integer({ min: 1, max: 8 }), (given, maxSessions) => {
      const all = given.map(({ phase, ...rest }, index) => session(`s${index}`, phase, rest));
      const bounded = { ...facts, maxSessions };
      const occupied = all.filter(({ observed }) =>
        ["STARTING", "RUNNING", "STOPPING"].includes(observed.phase),
      ).length;
      const waiting = all.filter(({ observed }) => observed.phase === "PENDING");
      const admitted = waiting.filter((record) => placeFor(record, all, bounded).free);
      expect(admitted.length).toBe(Math.min(waiting.length, Math.max(0, maxSessions - occupied)));
      expect(new Set(firstInLine(all, maxSessions))).toEqual(new Set(admitted));
      for (const record of admitted) {
        for (const other of waiting) {
          if (admitted.includes(other)) continue;
          const [mine, theirs] = [record.spec.priority, other.spec.priority];
          expect(
            mine > theirs || (mine === theirs && (record.observed.queuedAtMs ?? 0) <= (other.observed.queuedAtMs ?? 0)),
          ).toBe(true);
        }
      }
    }),
  );
});

import { expect, test } from "vitest";
import { applyObservedChange } from "./observed-change.ts";
import type { Observed } from "./session.ts";

const observed: Observed = {
  phase: "RUNNING",
  reason: "started",
  attempt: 1,
  restarts: 0,
  hostId: "host-1",
  startedAtMs: 5,
};

test("a change sets what it names, null clears, and what is absent stays", () => {
  expect(applyObservedChange(observed, { hostId: null, endedAtMs: 9, startedAtMs: 6 })).toEqual({
    phase: "RUNNING",
    reason: "started",
    attempt: 1,
    restarts: 0,
    startedAtMs: 6,
    endedAtMs: 9,
  });
});

test("what was observed before is not touched", () => {
  const before = { ...observed };
  expect(applyObservedChange(observed, {})).toEqual(before);
  applyObservedChange(observed, { hostId: null });
  expect(observed).toEqual(before);
});

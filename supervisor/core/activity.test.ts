import { expect, test } from "vitest";
import { IDLE_AFTER_MS, rawActivity } from "./activity.ts";

test.each([
  [0, 1_800_000_000_000, "idle"],
  [10_000, 10_000, "working"],
  [10_000, 10_000 + IDLE_AFTER_MS - 1, "working"],
  [10_000, 10_000 + IDLE_AFTER_MS, "idle"],
  // The wall clock was set back.
  [20_000, 10_000, "working"],
] as const)("last byte at %s, now %s: %s", (lastByteMs, nowMs, activity) => {
  expect(rawActivity(lastByteMs, nowMs)).toBe(activity);
});

import { expect, test } from "vitest";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { type Phase, startedAttempt } from "./session.ts";

test.each<[Phase, attempt: number, started: number]>([
  ["PENDING", 0, 0],
  ["STARTING", 0, 0],
  ["STARTING", 1, 0],
  ["STARTING", 3, 2],
  ["RUNNING", 3, 3],
  ["BACKOFF", 3, 3],
  // Waits for a place after a backoff: the next attempt is counted only when it has one.
  ["PENDING", 3, 3],
  ["CRASHED", 3, 3],
])("%s at attempt %i: the latest that was made is %i", (phase, attempt, started) => {
  expect(startedAttempt(sessionRecord({ observed: { phase, attempt } }))).toBe(started);
});

import { expect, test } from "vitest";
import { invocationOf } from "../invocation.fake.ts";
import { healingFlags, placeFlags } from "./run-flags.ts";

const flagsOf = (...argv: string[]) => invocationOf("run", ...argv, "worker").flags;
const healing = (...argv: string[]) => healingFlags(flagsOf(...argv));
const place = (...argv: string[]) => placeFlags(flagsOf(...argv));

test("nothing is said of what was not asked for: the supervisor's defaults hold", () => {
  expect(healing()).toEqual({});
  expect(healing("--restart", "on-failure")).toEqual({ restart: { policy: "on-failure" } });
  expect(place()).toEqual({ priority: undefined, noQueue: false, parent: undefined });
});

test("all of it, a backoff of nothing and no restart at all included", () => {
  expect(healing("--restart", "always", "--max-restarts", "0", "--restart-window", "10m", "--backoff", "0")).toEqual({
    restart: { policy: "always", maxRestarts: 0, windowMs: 600_000, backoffMs: 0 },
  });
  expect(healing("--activity-timeout", "90s")).toEqual({ activityTimeoutMs: 90_000 });
  expect(place("--priority=-5", "--no-queue", "--parent", "otter")).toEqual({
    priority: -5,
    noQueue: true,
    parent: "otter",
  });
});

test.each([
  [["--restart", "sometimes"], /--restart sometimes: it is one of never, on-failure, always/],
  [["--restart", "always", "--max-restarts=-1"], /--max-restarts -1: a whole number from 0 to 1000/],
  [["--restart", "always", "--max-restarts=many"], /--max-restarts many/],
  [["--restart", "always", "--backoff", "soon"], /--backoff: "soon" is no duration/],
  [["--restart", "always", "--restart-window", "0"], /--restart-window 0/],
  [["--activity-timeout", "0"], /--activity-timeout 0/],
  [["--backoff", "1s"], /--backoff says nothing without restarts/],
  [["--restart", "never", "--max-restarts", "3"], /--max-restarts says nothing without restarts/],
  [["--priority", "high"], /--priority high: a whole number from -1000 to 1000/],
  [["--priority", "1001"], /--priority 1001/],
  [["--priority", "1.5"], /--priority 1.5/],
] as const)("%j is a usage error that names the flag", (argv, message) => {
  expect(() => ({ ...healing(...argv), ...place(...argv) })).toThrow(message);
});

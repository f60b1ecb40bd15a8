import { expect, test } from "vitest";
import { fault } from "../../schemas/fault.ts";
import type { SessionView } from "../../schemas/session-view.ts";
import { exitCodeOfFault, exitCodeOfSession } from "./exit-code.ts";

test.each([
  ["not-found", 3, 125],
  ["usage", 2, 125],
  ["work-would-be-lost", 4, 125],
  ["unreachable", 5, 125],
  ["unconfirmed", 6, 125],
  ["timed-out", 124, 124],
  ["program-not-found", 1, 127],
  ["program-not-executable", 1, 126],
] as const)("%s is %i, and %i where a session's own code is passed on", (code, own, passing) => {
  expect(exitCodeOfFault(fault(code, "x"), false)).toBe(own);
  expect(exitCodeOfFault(fault(code, "x"), true)).toBe(passing);
});

const session = (phase: SessionView["phase"], exit: SessionView["exit"]) => ({ phase, exit }) as SessionView;

test.each([
  [session("COMPLETED", { code: 0, signal: null }), undefined, 0],
  [session("CRASHED", { code: 3, signal: null }), undefined, 3],
  [session("STOPPED", { code: null, signal: "SIGKILL" }), undefined, 137],
  [session("CRASHED", { code: null, signal: "SIGUSR1" }), undefined, 138],
  [session("LOST", null), undefined, 125],
  [session("STOPPED", null), undefined, 125],
  [session("CRASHED", null), fault("program-not-found", "no such program"), 127],
  [session("CRASHED", null), fault("program-not-executable", "x"), 126],
  [session("CRASHED", null), fault("git-failed", "x"), 125],
  [null, undefined, 125],
])("case %#: an ended session gives %3$i", (ended, why, code) => {
  expect(exitCodeOfSession(ended, why)).toBe(code);
});

import { describe, expect, test } from "vitest";
import type { TransitionView } from "../session-view.ts";
import { type Described, describeText } from "./describe.ts";
import { endedLine, hadEndedLine } from "./ended.ts";
import { eventLine } from "./event-line.ts";
import { sessionView } from "./session-views.fake.ts";
import { buildDifference, statusText } from "./status.ts";
import { styleFor } from "./style.ts";

const NOW = Date.parse("2026-11-24T12:05:13Z");
const transition = (change: Partial<TransitionView>): TransitionView => ({
  id: 1,
  at: "2026-11-24T12:00:00.123Z",
  from: null,
  to: "PENDING",
  attempt: 0,
  reason: "asked for by the user",
  evidence: {},
  ...change,
});
const described = (change: Partial<Described> = {}): Described => ({
  session: sessionView(),
  transitions: [transition({})],
  environment: null,
  logs: [],
  ...change,
});
const textOf = (change: Partial<Described> = {}) => describeText(described(change), { nowMs: NOW, colour: false });

describe("describe", () => {
  test("every transition with its time, reason and evidence", () => {
    const text = textOf({
      transitions: [
        transition({}),
        transition({
          from: "STOPPING",
          to: "CRASHED",
          attempt: 2,
          reason: "exited with code 3; left behind and ended: 7 node",
          evidence: { code: 3, signal: null, ended: [{ pid: 7, startTime: "1", command: "node server.js" }] },
        }),
      ],
    });
    expect(text).toMatch(/\d\d:\d\d:00\.123 {2}- {9}-> PENDING: asked for by the user\n/);
    expect(text).toMatch(/STOPPING {2}-> CRASHED attempt 2: exited with code 3; left behind/);
    expect(text).toContain("    code: 3\n");
    expect(text).toContain("ended: 7 node server.js\n");
    expect(text).not.toContain("signal: null");
  });

  test("how it heals: the rule, what counts now, and the next try", () => {
    expect(textOf()).toMatch(/Restarts\n {2}Policy +never\n/);
    const session = sessionView({
      phase: "BACKOFF",
      reason: "exited with code 1; restart 3 of 5 in 4s",
      restarts: 7,
      restart: { policy: "on-failure", maxRestarts: 5, windowMs: null, backoffMs: 1000, counted: 3 },
      nextStartAt: new Date(NOW + 4000).toISOString(),
      activityTimeoutMs: 90_000,
      priority: 3,
      queuedMessages: 2,
    });
    const text = textOf({ session });
    expect(text).toMatch(/Policy +on-failure, at most 5 since it was last healthy\n/);
    expect(text).toMatch(/So far +7, 3 of them count now\n/);
    expect(text).toMatch(/Next try +.* \(in 4s\)\n/);
    expect(text).toMatch(/Stalled +after 1m30s without output\n/);
    expect(text).toMatch(/Priority +3\n/);
    expect(text).toMatch(/Messages +2 not delivered yet\n/);
    const windowed = {
      ...session,
      restart: { ...session.restart, windowMs: 600_000, backoffMs: 0 },
      nextStartAt: null,
    };
    expect(textOf({ session: windowed })).toMatch(/at most 5 in 10m\n {2}Backoff +from 0ms on\n/);
    expect(textOf({ session: windowed })).not.toContain("Next try");
  });

  test("names of variables; their values only when they were asked for", () => {
    expect(textOf()).toContain("PATH SECRET\n");
    expect(textOf()).toContain("--show-env");
    expect(textOf({ environment: { SECRET: "a\nb", PATH: "/bin" } })).toContain("SECRET=a\\nb\n  PATH=/bin\n");
  });

  test("an ended session: exit, times, and what of its output is kept", () => {
    const session = sessionView({
      phase: "CRASHED",
      reason: "exited with code 3",
      pid: null,
      activity: null,
      exit: { code: 3, signal: null },
      endedAt: "2026-11-24T12:04:13.000Z",
      labels: { team: "web" },
    });
    const text = textOf({ session, logs: [{ process: "main", attempt: 1, firstOffset: 2048, endOffset: 6144 }] });
    expect(text).toMatch(/Phase +CRASHED: exited with code 3\n/);
    expect(text).toMatch(/Exit +code 3\n/);
    expect(text).toMatch(/Ended .* \(1m ago\)\n/);
    expect(text).toMatch(/Labels +team=web\n/);
    expect(text).toMatch(/main 1 +4\.0 KiB, 2\.0 KiB before it are no longer kept\n/);
    expect(text).not.toContain("Activity");
  });

  test("nothing of a session commands the terminal", () => {
    const hostile = "\x1b[2Jx\r\n\u009b\u202e";
    const session = sessionView({
      name: hostile,
      agent: hostile,
      argv: [hostile, "--"],
      project: hostile,
      reason: hostile,
      labels: { [hostile]: hostile },
      environmentNames: [hostile],
      workspace: { kind: "scratch", path: hostile, cwd: "/", branch: hostile, base: hostile },
    });
    const text = textOf({
      session,
      environment: { [hostile]: hostile },
      logs: [{ process: hostile, attempt: 1, firstOffset: 0, endOffset: 1 }],
      transitions: [
        transition({
          reason: hostile,
          evidence: { [hostile]: hostile, list: [hostile, { pid: 1, command: hostile }] },
        }),
      ],
    });
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

describe("status", () => {
  const status = {
    supervisor: {
      version: "0.1.0",
      buildId: "abc",
      pid: 7,
      startedAt: "2026-11-24T12:00:00.000Z",
      memoryBytes: 50 << 20,
      home: "/home/ada/.local/state/overmind",
      endpoint: "/run/main.sock",
    },
    host: { pid: 8, version: "0.1.0", hostId: "h", processes: 1 },
    hiveId: "hive",
    sessions: { RUNNING: 3, CRASHED: 1 },
    waiting: 2,
    screens: { live: 1, folded: 2, foldedBytes: 4096 },
  };

  test("says what runs and what needs a look", () => {
    const text = statusText(status, { nowMs: NOW, colour: false });
    expect(text).toMatch(/^Supervisor +version 0\.1\.0 \(build abc\), pid 7, up 5m13s, 50\.0 MiB\n/);
    expect(text).toMatch(/Process host +version 0\.1\.0, pid 8, 1 process\n/);
    expect(text).toMatch(/Sessions +3 running, 1 crashed; 2 wait for you\n/);
    expect(statusText({ ...status, sessions: {}, waiting: 0, host: null }, { nowMs: NOW, colour: false })).toMatch(
      /not connected(.|\n)*Sessions +none\n/,
    );
  });

  test("another build is told, with what to do; the same is not", () => {
    expect(buildDifference({ version: "0.1.0", buildId: "abc" }, status.supervisor)).toBeUndefined();
    expect(buildDifference({ version: "0.2.0", buildId: "def" }, status.supervisor)).toContain(
      "overmind supervisor restart",
    );
  });
});

test("what was ended is named, within a line", () => {
  expect(endedLine("stopped", "calm-otter", [])).toBe("stopped calm-otter");
  expect(endedLine("killed", "x", [{ pid: 7, command: "node\x1b[2J" }])).toBe(
    "killed x (1 process ended: 7 node\\x1b[2J)",
  );
  const many = Array.from({ length: 10 }, (_, pid) => ({ pid, command: "sh" }));
  expect(endedLine("stopped", "x", many)).toMatch(/10 processes ended: 0 sh, .*, 7 sh, and 2 more\)$/);
  expect(hadEndedLine(sessionView({ phase: "LOST", reason: "gone" }))).toBe("calm-otter had ended before: LOST, gone");
});

test("an event is a line", () => {
  const event = {
    id: 1,
    at: "2026-11-24T12:00:00.000Z",
    hiveId: "h",
    kind: "session/changed",
    sessionId: "1",
    sessionName: "ant",
    data: { to: "LOST", n: 1, none: null },
  };
  expect(eventLine(event, styleFor(false))).toMatch(
    /^2026-11-24 \d\d:\d\d:00 {2}ant {2}session\/changed {2}to LOST, n 1\n$/,
  );
});

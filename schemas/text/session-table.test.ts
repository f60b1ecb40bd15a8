import { describe, expect, test } from "vitest";
import { type SessionTableOptions, sessionTable } from "./session-table.ts";
import { sessionView } from "./session-views.fake.ts";
import { displayWidth } from "./width.ts";

const NOW = Date.parse("2026-11-24T12:05:13Z");
const options = (change: Partial<SessionTableOptions> = {}) => ({
  nowMs: NOW,
  wide: false,
  tree: false,
  colour: false,
  ...change,
});
const linesOf = (text: string) => text.trimEnd().split("\n");

test("the columns of the contract, in their order", () => {
  const [header, row] = linesOf(sessionTable([sessionView()], options()));
  expect(header?.split(/\s+/)).toEqual(["NAME", "ID", "PHASE", "ACTIVITY", "RESTARTS", "UPTIME", "AGENT", "PROJECT"]);
  expect(row?.split(/\s+/)).toEqual([
    "calm-otter",
    "id-calm-otter",
    "RUNNING",
    "working",
    "0",
    "5m12s",
    "sh",
    "/home/ada/project",
  ]);
});

test("without a session the header stands alone", () => {
  expect(linesOf(sessionTable([], options()))).toHaveLength(1);
});

test("wide adds resources, exit and reason; what is not known is a dash", () => {
  const crashed = sessionView({
    name: "b",
    phase: "CRASHED",
    activity: null,
    pid: null,
    exit: { code: null, signal: "SIGKILL" },
    endedAt: "2026-11-24T12:01:01.000Z",
    reason: "ended by signal SIGKILL",
  });
  const usage = {
    cpu: 0.5,
    memoryBytes: 45 << 20,
    processes: 3,
    readBytesPerSecond: null,
    writtenBytesPerSecond: null,
    sampledAt: "2026-11-24T12:00:00.000Z",
  };
  const [header, running, ended] = linesOf(sessionTable([sessionView({ usage }), crashed], options({ wide: true })));
  expect(header).toMatch(/PID +ATTEMPT +BRANCH +CPU +MEM +PROCS +EXIT +REASON$/);
  expect(running).toMatch(/42 +1 +overmind\/calm-otter +50% +45\.0 MiB +3 +- +started as process 42$/);
  expect(ended).toMatch(
    /CRASHED +- +0 +1m +sh .* - +1 +overmind\/calm-otter +- +- +- +SIGKILL +ended by signal SIGKILL$/,
  );
});

test("in BACKOFF it says when the next try is, in one line with its reason", () => {
  const waiting = sessionView({
    phase: "BACKOFF",
    activity: null,
    reason: "exited with code 1; restart 2 of 5 in 8s",
    nextStartAt: new Date(NOW + 8000).toISOString(),
    restarts: 2,
  });
  const due = sessionView({ ...waiting, name: "due", nextStartAt: new Date(NOW - 1).toISOString() });
  const [, first, second] = linesOf(sessionTable([waiting, due], options({ wide: true })));
  expect(first).toMatch(/calm-otter +\S+ +BACKOFF 8s +- +2 .* exited with code 1; restart 2 of 5 in 8s$/);
  expect(second).toContain("BACKOFF 0ms");
});

test("a tree shows children under their parent, and one whose parent is not shown by itself", () => {
  const table = sessionTable(
    [
      sessionView({ id: "1", name: "root" }),
      sessionView({ id: "2", name: "first", parentId: "1" }),
      sessionView({ id: "3", name: "deep", parentId: "2" }),
      sessionView({ id: "4", name: "second", parentId: "1" }),
      sessionView({ id: "5", name: "orphan", parentId: "gone" }),
    ],
    options({ tree: true }),
  );
  expect(
    linesOf(table)
      .slice(1)
      .map((line) => line.slice(0, 12).trimEnd()),
  ).toEqual(["root", "├─ first", "│  └─ deep", "└─ second", "orphan"]);
});

test("of others a session sees name, phase and activity alone", () => {
  const table = sessionTable([], options({ others: [{ name: "stranger", phase: "RUNNING", activity: "idle" }] }));
  expect(linesOf(table)[1]?.split(/\s+/)).toEqual(["stranger", "-", "RUNNING", "idle", "-", "-", "-", "-"]);
});

describe("hostile and wide text", () => {
  const hostile = "x\x1b[2J\nNAME\u202e\u009b5m";
  const sessions = [
    sessionView({ agent: hostile, project: hostile, reason: hostile, name: hostile, labels: { [hostile]: hostile } }),
    sessionView({ agent: "日本語エージェント👩‍🚀", project: "/プロジェクト" }),
    sessionView(),
  ];

  test("no escape or line end of a session reaches the terminal", () => {
    const table = sessionTable(sessions, options({ wide: true }));
    expect(table).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(linesOf(table)).toHaveLength(4);
    expect(table).toContain("x\\x1b[2J\\nNAME");
  });

  test("columns stand under their titles, whatever a character's width", () => {
    const lines = linesOf(sessionTable(sessions.slice(1), options()));
    const columnOf = (line: string | undefined, text: string) => displayWidth(line?.slice(0, line.indexOf(text)) ?? "");
    expect(columnOf(lines[1], "/プロジェクト")).toBe(columnOf(lines[0], "PROJECT"));
    expect(columnOf(lines[2], "/home/ada")).toBe(columnOf(lines[0], "PROJECT"));
  });

  test("colours change nothing but colours", () => {
    const coloured = sessionTable(sessions, options({ colour: true, tree: true, wide: true }));
    expect(coloured).toContain("\x1b[32mRUNNING\x1b[39m");
    expect(coloured.replaceAll(/\x1b\[\d+m/g, "")).toBe(sessionTable(sessions, options({ tree: true, wide: true })));
  });
});

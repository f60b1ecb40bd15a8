import { describe, expect, test } from "vitest";
import type { SessionView } from "../session-view.ts";
import { sessionView } from "./session-views.fake.ts";
import { sortedForTop, topTable } from "./top-table.ts";
import { displayWidth } from "./width.ts";

const NOW = Date.parse("2026-11-24T12:05:13Z");
const options = { nowMs: NOW, colour: false };
const linesOf = (text: string) => text.replace(/\n$/, "").split("\n");

function using(name: string, change: Partial<NonNullable<SessionView["usage"]>>): SessionView {
  const usage = {
    cpu: 0,
    memoryBytes: 0,
    processes: 1,
    readBytesPerSecond: null,
    writtenBytesPerSecond: null,
    sampledAt: "2026-11-24T12:00:00.000Z",
    ...change,
  };
  return sessionView({ name, usage });
}
const unknown = (name: string) => sessionView({ name, phase: "PENDING", activity: null, startedAt: null });

test("the sum on top, then the columns of the contract", () => {
  const busy = using("busy", { cpu: 1.5, memoryBytes: 3 * 2 ** 30, processes: 13, readBytesPerSecond: 2048.4 });
  const [sum, empty, header, ...rows] = linesOf(topTable([busy, using("idle", {}), unknown("next")], options));
  expect(sum).toBe("3 sessions, CPU 150%, memory 3.0 GiB, 14 processes");
  expect(empty).toBe("");
  expect(header?.split(/\s+/)).toEqual([
    "NAME",
    "PHASE",
    "ACTIVITY",
    "CPU",
    "MEM",
    "PROCS",
    "READ/S",
    "WRITTEN/S",
    "UPTIME",
    "AGENT",
  ]);
  expect(rows[0]?.split(/ {2,}/)).toEqual([
    "busy",
    "RUNNING",
    "working",
    "150%",
    "3.0 GiB",
    "13",
    "2.0 KiB",
    "-",
    "5m12s",
    "sh",
  ]);
  expect(rows[2]?.split(/ {2,}/)).toEqual(["next", "PENDING", "-", "-", "-", "-", "-", "-", "-", "sh"]);
});

test("numbers stand under each other's last digit", () => {
  const [, , header = "", one = "", other = ""] = linesOf(
    topTable([using("a", { processes: 100 }), using("b", { processes: 2 })], options),
  );
  expect(one.indexOf("100") + 3).toBe(header.indexOf("PROCS") + 5);
  expect(other.charAt(header.indexOf("PROCS") + 4)).toBe("2");
});

test.each([
  ["cpu", ["b", "a", "c", "d"]],
  ["memory", ["a", "b", "c", "d"]],
  ["processes", ["c", "a", "b", "d"]],
  ["read", ["c", "a", "b", "d"]],
  ["written", ["b", "a", "c", "d"]],
  ["name", ["a", "b", "c", "d"]],
] as const)("sorted by %s, the hungriest first, what is not known last", (key, expected) => {
  const sessions = [
    unknown("d"),
    using("c", { processes: 5, readBytesPerSecond: 7 }),
    using("b", { cpu: 2, writtenBytesPerSecond: 7 }),
    using("a", { memoryBytes: 9 }),
  ];
  expect(sortedForTop(sessions, key).map(({ name }) => name)).toEqual(expected);
});

describe("in a terminal", () => {
  const many = Array.from({ length: 30 }, (_, index) =>
    using(`session-${String(index).padStart(2, "0")}-with-a-name-that-goes-on-and-on`, { cpu: 0.5 }),
  );

  test.each([
    [80, 24],
    [20, 10],
    [200, 33],
    [79, 32],
    [1, 1],
  ])("of %i columns and %i rows nothing is wider or higher", (columns, rows) => {
    for (const colour of [false, true]) {
      const lines = linesOf(topTable(many, { nowMs: NOW, colour, size: { columns, rows } }));
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines)
        expect(displayWidth(line.replaceAll(/\x1b\[[\d;]*m/g, ""))).toBeLessThanOrEqual(columns);
    }
  });

  test("what does not fit is counted, and where all fit nothing is", () => {
    const lines = linesOf(topTable(many, { ...options, size: { columns: 200, rows: 13 } }));
    expect(lines).toHaveLength(13);
    expect(lines.at(-1)).toBe("and 21 more");
    const all = linesOf(topTable(many, { ...options, size: { columns: 200, rows: 33 } }));
    expect(all).toHaveLength(33);
    expect(all.at(-1)).toContain("session-29");
  });

  test("a cut line keeps what switches its colours off", () => {
    const lines = linesOf(topTable(many, { nowMs: NOW, colour: true, size: { columns: 10, rows: 13 } }));
    expect(lines[3]).toMatch(/^\x1b\[1m.{9}…\x1b\[22m/);
  });
});

test("a hostile name reaches no terminal", () => {
  expect(topTable([using("\x1b[2Jx", {})], options)).toContain("\\x1b[2Jx");
});

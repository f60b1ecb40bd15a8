import { describe, expect, test } from "vitest";
import { selectionOf } from "./selection.ts";
import { parseSettingText } from "./setting-text.ts";
import { countFlag, durationFlag, pairsFlag, patternFlag, sinceFlag } from "./values.ts";

const NOW = Date.UTC(2026, 10, 24, 12);

describe("--since", () => {
  test.each([
    ["10m", NOW - 600_000],
    ["30", NOW - 30_000],
    ["2026-11-24T11:59:00Z", NOW - 60_000],
    ["2026-11-24T13:00:00+02:00", NOW - 3_600_000],
    ["2026-11-24", new Date(2026, 10, 24).getTime()],
    ["2026-11-24T10:00:00", new Date(2026, 10, 24, 10).getTime()],
  ])("%s", (text, ms) => {
    expect(sinceFlag(text, NOW)).toBe(ms);
  });
  test.each(["yesterday", "10 minutes", "2026-13-45", "12:00"])("%s is refused", (text) => {
    expect(() => sinceFlag(text, NOW)).toThrow("neither a duration nor a time");
  });
});

test("counts, durations and patterns say which flag is wrong", () => {
  expect([countFlag("lines", "0", 9), countFlag("lines", undefined, 9), durationFlag("grace", "5m")]).toEqual([
    0,
    undefined,
    300_000,
  ]);
  expect(() => countFlag("lines", "10", 9)).toThrow("--lines 10");
  expect(() => countFlag("lines", "-1", 9)).toThrow("--lines -1");
  expect(() => durationFlag("grace", "soon")).toThrow("--grace");
  expect(() => patternFlag("grep", "(")).toThrow("--grep");
  expect(patternFlag("grep", "\\-x|é")?.test("-x")).toBe(true);
});

test("pairs: a later one wins, a value may hold =", () => {
  expect(pairsFlag("env", ["A=1", "B=x=y", "A=", "C= "])).toEqual({ A: "", B: "x=y", C: " " });
  expect(() => pairsFlag("label", ["=x"])).toThrow("--label =x");
  expect(() => pairsFlag("label", ["x"])).toThrow("K=V");
});

test("sessions are named, or all, or selected: one of the three", () => {
  const flags = { all: false, selector: undefined };
  expect(selectionOf({ operands: ["a", "b"], flags })).toEqual({ references: ["a", "b"] });
  expect(selectionOf({ operands: [], flags: { ...flags, all: true } })).toEqual({ all: true });
  expect(selectionOf({ operands: [], flags: { ...flags, selector: "k=v" } })).toEqual({ selector: "k=v" });
  expect(() => selectionOf({ operands: [], flags })).toThrow("no session is named");
  expect(() => selectionOf({ operands: ["a"], flags: { ...flags, all: true } })).toThrow("exclude each other");
});

test.each([
  ["graceMs", "30s", 30_000],
  ["graceMs", "1500", 1500],
  ["graceMs", "soon", "soon"],
  ["totalLogBytes", "1.5GiB", 1_610_612_736],
  ["totalLogBytes", "256 MiB", 268_435_456],
  ["terminalRows", "30s", "30s"],
])("config set %s %s", (name, text, value) => {
  expect(parseSettingText(name, text)).toBe(value);
});

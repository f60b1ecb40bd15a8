import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["500ms", 500],
  ["10s", 10_000],
  ["5m", 300_000],
  ["2h", 7_200_000],
  ["1.5s", 1500],
  ["0", 0],
  ["30", 30_000],
  [" 7s ", 7000],
])("%s is %i ms", (text, milliseconds) => {
  expect(parseDuration(text)).toEqual({ ok: true, value: milliseconds });
});

test.each(["", "s", "-1s", "1d", "10 s", "1e3", "5minutes", "999999999h"])("%j is refused as a usage fault", (text) => {
  const parsed = parseDuration(text);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.fault.code).toBe("usage");
});

test.each([
  [0, "0s"],
  [999, "0s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [312_000, "5m12s"],
  [3_600_000, "1h"],
  [12_000_000, "3h20m"],
  [86_400_000, "1d"],
  [187_200_000, "2d4h"],
  [-5, "0s"],
])("%i ms is written %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

test("whatever number of a unit is written is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), fc.constantFrom("ms", "s", "m", "h"), (count, unit) => {
      const parsed = parseDuration(`${count}${unit}`);
      expect(parsed.ok && parsed.value / count).toEqual(
        count === 0 ? Number.NaN : { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit],
      );
    }),
  );
});

import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { seen } from "./terminal-cells.fake.ts";
import { createEmulator, type Emulator, type EmulatorClass, feedEmulator, loadEmulator } from "./terminal-emulator.ts";
import { paintTerminal } from "./terminal-paint.ts";

const SIZE = { columns: 20, rows: 6 };
let loaded: EmulatorClass;
beforeAll(async () => {
  loaded = await loadEmulator();
});

function terminalOf(...output: (string | Uint8Array)[]): Emulator {
  const emulator = createEmulator(loaded, SIZE);
  for (const part of output) feedEmulator(emulator, part);
  return emulator;
}

const small = fc.integer({ min: 0, max: 7 });
const control = (final: string) => small.map((count) => `\x1b[${count}${final}`);
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 30, unit: fc.constantFrom(..."abc xyz".split("")) }),
  fc.constantFrom("漢字", "é", "e\u0301", "👍", "─│", "x".repeat(20), "漢".repeat(11), "lqqk"),
);
const style = fc.oneof(
  fc
    .array(fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 53, 31, 42, 97, 104, "38;5;200", "48;2;1;2;3", "4:3", "4:3", 0), {
      maxLength: 4,
    })
    .map((codes) => `\x1b[${codes.join(";")}m`),
  fc.constant("\x1b[m"),
);
const move = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 21 }))
    .map(([row, column]) => `\x1b[${row};${column}H`),
  ...["A", "B", "C", "D", "G", "d"].map(control),
  fc.constantFrom("\r", "\n", "\r\n", "\r\n\r\n", "\b", "\t", "\x1bM", "\x1bD", "\x1bE", "\x1b7", "\x1b8"),
);
const change = fc.oneof(
  fc.constantFrom("\x1b[J", "\x1b[2J", "\x1b[3J"),
  ...["K", "L", "M", "P", "@", "X", "S", "T", "b"].map(control),
);
const mode = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(1, 6, 9, 25, 45, 47, 1000, 1002, 1003, 1004, 1006, 1016, 1049, 2004),
      fc.constantFrom("h", "l"),
    )
    .map(([number, set]) => `\x1b[?${number}${set}`),
  fc.tuple(small, small).map(([top, bottom]) => `\x1b[${top};${bottom}r`),
  fc.constantFrom(
    "\x1b[4h",
    "\x1b[4l",
    "\x1b=",
    "\x1b>",
    "\x1b(0",
    "\x1b(B",
    "\x1b)0",
    "\x0e",
    "\x0f",
    "\x1b[5 q",
    "\x1bc",
    "\x1b[!p",
  ),
);
const ordinary = fc.oneof({ arbitrary: text, weight: 6 }, { arbitrary: style, weight: 3 }, move, move, change);
const piece = fc.oneof({ arbitrary: ordinary, weight: 11 }, { arbitrary: mode, weight: 1 });

/** Without whether a line continues the one before: what the first line once continued may be gone. */
function cellsOf(emulator: Emulator): string[] {
  return Object.values(seen(emulator).rows).flatMap((rows) => rows.map((row) => row.slice(1)));
}

test("a painted terminal looks like the one that it was painted from, and goes on like it", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.array(ordinary, { maxLength: 10 }), (before, after) => {
      const original = terminalOf(before.join(""));
      const painted = terminalOf(paintTerminal(original, ""));
      expect(seen(painted)).toEqual(seen(original));
      for (const terminal of [original, painted]) feedEmulator(terminal, after.join(""));
      expect(cellsOf(painted)).toEqual(cellsOf(original));
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["an accent that comes late", "e", "\u0301", "e\u0301"],
  ["a repetition", "ab", "\x1b[3b", "abbbb"],
  ["a character that comes behind the last column", "x".repeat(20), "y", "x".repeat(20), "y"],
  ["the same after a style", `${"x".repeat(20)}\x1b[31m`, "y", "x".repeat(20), "y"],
  ["one that is pushed aside by inserted ones", "abc\x1b[2D\x1b[4hX", "Y", "aXYbc"],
  ["lines that are drawn", "\x1b(0", "qxq", "─│─"],
  ["lines that are drawn in the second set", "\x1b)0\x0e", "q\x0fq", "─q"],
  ["a saved cursor", "one\r\ntwo\x1b7\r\n", "\x1b8!", "one", "two!"],
  ["a screen behind the alternate one", "shell\x1b[?1049h\x1b[Hvim", "\x1b[?1049l$", "shell$"],
  ["no room at the end of a line", `\x1b[?7l${"x".repeat(19)}`, "yz", `${"x".repeat(19)}z`],
])("%s finds what it needs", (_what, before, after, ...lines) => {
  const painted = terminalOf(paintTerminal(terminalOf(before), ""), after);
  const { active } = painted.buffer;
  expect(lines.map((_line, row) => active.getLine(row)?.translateToString(true))).toEqual(lines);
});

test("links, kinds of underlines and their colours are painted", () => {
  const original = terminalOf(
    "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ \x1b[4:3;58:5:9mcurly\x1b[58:2::1:2:3mother",
  );
  const painted = terminalOf(paintTerminal(original, ""));
  expect(seen(painted)).toEqual(seen(original));
  expect(seen(painted).rows.normal?.[0]).toBe(
    "|{\x1b[0m link}link{bg 0 -1}·{\x1b[0;4:3;58:5:9m}curly{\x1b[0;4:3;58:2::1:2:3m}other{bg 0 -1}·····",
  );
});

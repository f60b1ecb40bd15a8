import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { seen } from "./terminal-cells.fake.ts";
import { createEmulator, type Emulator, type EmulatorClass, feedEmulator, loadEmulator } from "./terminal-emulator.ts";
import { LastingModes } from "./terminal-lasting.ts";
import { type PaintedTerminal, TerminalModel } from "./terminal-model.ts";

/** Recorded from the programs themselves in a terminal of this size. */
const SIZE = { columns: 100, rows: 30 };
const FULL_SCREEN = ["vim", "less", "top"] as const;
let loaded: EmulatorClass;
beforeAll(async () => {
  loaded = await loadEmulator();
});

function recorded(program: string): Buffer {
  return readFileSync(join(import.meta.dirname, `../../test/fixtures/terminal/${program}.raw`));
}

function model(...output: (string | Uint8Array)[]): TerminalModel {
  const made = new TerminalModel(loaded, SIZE);
  for (const part of output) made.feed(Buffer.from(part));
  return made;
}

/** What somebody who attaches does with it. */
function attached(painted: PaintedTerminal, rest: Uint8Array): Emulator {
  const emulator = createEmulator(loaded, painted);
  for (const part of [painted.ansi, painted.held, rest]) feedEmulator(emulator, part);
  return emulator;
}

function watched(output: Uint8Array): Emulator {
  const emulator = createEmulator(loaded, SIZE);
  feedEmulator(emulator, output);
  return emulator;
}

describe.each([...FULL_SCREEN, "bash", "progress"])("%s", (program) => {
  test("whoever attaches sees the same as one who was there from the beginning, wherever it is cut", () => {
    const output = recorded(program);
    const all = seen(watched(output));
    const check = (cut: number) => {
      const before = model(output.subarray(0, cut));
      expect(seen(attached(before.paint(), output.subarray(cut)))).toEqual(all);
      before.dispose();
    };
    fc.assert(fc.property(fc.integer({ min: 0, max: output.length }), check), { numRuns: 60 });
  });

  test("a model made again from its painting goes on like the first, at every byte of a stretch", () => {
    const output = recorded(program);
    const from = Math.min(output.length, 600);
    const first = model(output.subarray(0, from));
    for (let at = from; at < Math.min(output.length, from + 250); at += 1) {
      const again = new TerminalModel(loaded, first.paint());
      const next = output.subarray(at, at + 1);
      first.feed(next);
      again.feed(next);
      expect(seen(attached(again.paint(), output.subarray(at + 1, at + 20)))).toEqual(
        seen(attached(first.paint(), output.subarray(at + 1, at + 20))),
      );
      again.dispose();
    }
  });
});

describe("full screen", () => {
  const frame = (lines: number) => `\x1b[2K${"\x1b[1A\x1b[2K".repeat(lines)}\x1b[G`;
  test.each<[string, string | Uint8Array, boolean]>([
    ...FULL_SCREEN.map((program): [string, Uint8Array, boolean] => [program, recorded(program), true]),
    ["a shell with line editing", recorded("bash"), false],
    ["a progress bar", recorded("progress"), false],
    ["colours and a title", "\x1b[31mred\x1b[m\r\n\x1b]0;title\x07", false],
    ["clear, between lines", "one\r\n\x1b[H\x1b[2J\x1b[3Jtwo\r\n\x1b[2J\x1b[Hthree\r\n\x1b[H\x1b[Jfour\r\n", false],
    ["asking for the terminal's size", "\x1b7\x1b[r\x1b[999;999H\x1b[6n\x1b8", false],
    ["the alternate screen", "\x1b[?1049h", true],
    ["some lines that are redrawn", `a\r\nb\r\nc\r\n${frame(3)}a\r\nb\r\nc\r\n`, true],
    ["one line that is redrawn once", `a\r\n${frame(1)}b\r\n`, false],
    ["one line that is redrawn all the time", `a\r\n${`${frame(1)}b\r\n`.repeat(3)}`, true],
    ["a list that moves up", "a\r\nb\r\nc\x1b[3Ax", true],
    ["writing over the screen from its top", "one\r\n\x1b[Htwo\r\n", true],
    ["a part of the screen that scrolls", "\x1b[2;10r", true],
    ["inserted lines", "\x1b[L", true],
  ])("%s", (_what, output, is) => {
    expect(model(output).paint().fullScreen).toBe(is);
    expect(new TerminalModel(loaded, model(output).paint()).paint().fullScreen).toBe(is);
  });
});

describe("queries", () => {
  test.each([
    ["device attributes", "\x1b[c", "\x1b[?1;2c"],
    ["secondary device attributes", "\x1b[>c", "\x1b[>0;276;0c"],
    ["status", "\x1b[5n", "\x1b[0n"],
    ["the cursor's place", "ab\r\nc\x1b[6n", "\x1b[2;2R"],
    ["a mode that is set", "\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"],
    ["a mode that is not", "\x1b[?1049$p", "\x1b[?1049;2$y"],
    ["the text's colour", "\x1b]10;?\x07", "\x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\"],
    [
      "text and background at once",
      "\x1b]10;?;?\x07",
      "\x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\\x1b]11;rgb:0000/0000/0000\x1b\\",
    ],
    ["the background", "\x1b]11;?\x1b\\", "\x1b]11;rgb:0000/0000/0000\x1b\\"],
    [
      "a colour of the cube",
      "\x1b]4;16;?;231;?\x07",
      "\x1b]4;16;rgb:0000/0000/0000\x1b\\\x1b]4;231;rgb:ffff/ffff/ffff\x1b\\",
    ],
    ["a grey", "\x1b]4;232;?\x07", "\x1b]4;232;rgb:0808/0808/0808\x1b\\"],
    ["the terminal's name", "\x1b[>q", "\x1bP>|overmind\x1b\\"],
    ["the size", "\x1b[18t", "\x1b[8;30;100t"],
    ["nothing", "text\x1b[31m\x1b]11;#000000\x07", ""],
  ])("%s", (_what, query, reply) => {
    let replied = "";
    const asked = new TerminalModel(loaded, SIZE, (text) => {
      replied += text;
    });
    // However it comes in pieces.
    for (const byte of Buffer.from(query)) asked.feed(Uint8Array.of(byte));
    expect(replied).toBe(reply);
  });

  test("a painting asks nothing", () => {
    const replies: string[] = [];
    new TerminalModel(loaded, model(recorded("vim")).paint(), (text) => replies.push(text));
    expect(replies).toEqual([]);
  });
});

test("as text it is lines without colours, and with them as sequences", () => {
  const { lines, scrollback, ansi, cursor, title } = model(
    `${Array.from({ length: 31 }, (_, row) => `row ${row} `).join("\r\n")}\x1b[31mred\x1b[m\x1b[?25l\x1b]2;title\x07`,
  ).text({ scrollback: true });
  expect(scrollback).toEqual(["row 0"]);
  expect(lines.slice(-2)).toEqual(["row 29", "row 30 red"]);
  expect(ansi.split("\r\n").at(-1)).toBe("row 30 \x1b[0;31mred\x1b[m");
  expect(cursor).toEqual({ column: 10, row: 29, visible: false });
  expect(title).toBe("title");
});

test("of skipped output the modes stay in force", () => {
  const lasting = new LastingModes();
  const skipped = Buffer.from(
    "\x1b[?1000;1006htext\x1b[?2004h\x1b[?2004l\x1b[?1049h\x1b[?25l\x1b[3;20r\x1b]2;title é\x07\x1b[?1h\x1b[?1",
  );
  for (let at = 0; at < skipped.length; at += 7) lasting.look(skipped.subarray(at, at + 7));
  const after = model("\x1b[?2004hbefore\x1b[31");
  after.skip(lasting);
  after.feed(Buffer.from("behind"));
  const terminal = attached(after.paint(), Buffer.alloc(0));
  expect(seen(terminal).state).toMatchObject({
    mouse: ["vt200", "SGR"],
    hidden: true,
    margins: [2, 19],
    modes: { bracketedPasteMode: false, applicationCursorKeysMode: true },
  });
  expect(after.text({ scrollback: false })).toMatchObject({ alternate: true, title: "title é", fullScreen: true });
});

test("text goes on below a gap, and a full reset forgets what came before it", () => {
  const lasting = new LastingModes();
  lasting.look(Buffer.from("\x1b[?2004h\x1bc\x1b[?1004h"));
  const after = model("before");
  after.skip(lasting);
  after.feed(Buffer.from("behind"));
  expect(after.text({ scrollback: false }).lines.at(-1)).toBe("behind");
  expect(after.bracketedPaste).toBe(false);
  expect(after.text({ scrollback: false }).fullScreen).toBe(false);
});

test("what breaks the emulator costs what came with it alone", () => {
  const broken = model("one\r\n", "\x1b[30;100H\x1b[1J", "\x1b[H\x1b[2Jtwo");
  expect(broken.text({ scrollback: false }).lines[0]).toBe("two");
});

test("a full screen that has become narrower is as wide as it is, as text and painted", () => {
  const wide = model("\x1b[?1049h\x1b[2J\x1b[H", "x".repeat(SIZE.columns));
  wide.resize({ columns: 40, rows: SIZE.rows });
  wide.feed(Buffer.from(`\x1b[2;1H${"y".repeat(41)}`));
  expect(wide.text({ scrollback: false }).lines.slice(0, 3)).toEqual(["x".repeat(40), "y".repeat(40), "y"]);
  const shown = attached(wide.paint(), Buffer.alloc(0)).buffer.active;
  expect([0, 1, 2].map((row) => shown.getLine(row)?.translateToString(true))).toEqual([
    "x".repeat(40),
    "y".repeat(40),
    "y",
  ]);
});

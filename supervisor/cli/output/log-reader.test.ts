import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordKind, type StreamRecord } from "../../../schemas/segment.ts";
import { type LogLine, type LogNote, LogReader } from "./log-reader.ts";

const TIME = Date.parse("2026-11-24T12:30:01Z");

function record(kind: number, payload: Uint8Array | string): StreamRecord {
  return { offset: 0, kind, sequence: 0, timeMs: TIME, payload: Buffer.from(payload) };
}
function entriesOf(records: readonly StreamRecord[], options = { keepRaw: false }): (LogLine | LogNote)[] {
  const reader = new LogReader(options);
  return [...reader.read(1, records), ...reader.flush()];
}
const textsOf = (...output: (string | Uint8Array)[]) =>
  entriesOf(output.map((one) => record(RecordKind.terminal, one))).map((entry) => entry.text);

describe("a line as a reader sees it", () => {
  test.each<[string, string, string[]]>([
    ["lines of a terminal", "one\r\ntwo\r\n", ["one", "two"]],
    ["empty lines", "a\n\n\nb\n", ["a", "", "", "b"]],
    ["a last line without an end", "one\nprompt> ", ["one", "prompt> "]],
    ["colours", "\x1b[1;31mred\x1b[0m and \x1b[38;5;12mblue\x1b[m\n", ["red and blue"]],
    ["a title (OSC ended by BEL and by ST)", "\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["alink"]],
    ["a device string", "\x1bPq#0;2;0\x1b\\after\n", ["after"]],
    ["an OSC that nothing closes", "\x1b]0;never\nnext\n", ["", "next"]],
    ["a progress bar", "10%\r50%\r100%\r\n", ["100%"]],
    ["a shorter state over a longer one", "downloading\rok\n", ["ok"]],
    ["a line that was erased", "wait...\r\x1b[K\nbusy\x1b[2K\rdone\n", ["", "done"]],
    ["the cursor put to the first column", "10%\x1b[1G20%\x1b[G30%\n", ["30%"]],
    ["a spinner of backspaces", "|\b/\b-\bdone\n", ["done"]],
    ["overstruck letters", "N\bNA\bAME\n", ["NAME"]],
    ["spaces written as cursor moves", "a\x1b[3Cb\x1b[Cc\n", ["a   b c"]],
    ["rows of a full-screen program", "\x1b[2J\x1b[1;1Htop\x1b[2;1Hsecond\x1b[24;1H", ["top", "second"]],
    ["control characters", "a\x00b\x07c\x0ed\x7fe\tf\n", ["abcde\tf"]],
    ["C1 controls", "\u009b31mred\u009d0;t\u009c!\n", ["red!"]],
    ["charset and keypad escapes", "\x1b(Bx\x1b=y\x1b7z\x1b#8\n", ["xyz"]],
    ["characters beyond ASCII", "déjà vu 😀\r\n", ["déjà vu 😀"]],
    ["a sequence broken off at the end", "text\x1b[3", ["text"]],
  ])("%s", (_, output, lines) => {
    expect(textsOf(output)).toEqual(lines);
  });

  test("half a character waits for its rest, over record boundaries", () => {
    const bytes = Buffer.from("a😀é\n");
    expect(textsOf(...Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)))).toEqual(["a😀é"]);
  });

  test("what is no UTF-8 is shown as such and harms nothing after it", () => {
    expect(textsOf(Buffer.from([0x61, 0xff, 0xc3, 0x0a, 0x62, 0x0a]))).toEqual(["a\ufffd\ufffd", "b"]);
  });

  test("a prompt is pending until its line ends", () => {
    const reader = new LogReader({ keepRaw: false });
    expect(reader.read(1, [record(RecordKind.terminal, "\x1b[1mName?\x1b[0m ")])).toEqual([]);
    expect(reader.pending()).toEqual({ kind: "terminal", text: "Name? " });
    expect(reader.read(1, [record(RecordKind.terminal, "Ada\n")]).map((entry) => entry.text)).toEqual(["Name? Ada"]);
    expect(reader.pending()).toBeUndefined();
  });

  test("a line without an end is given out in bounded pieces", () => {
    const pieces = textsOf("x".repeat(2_500_000));
    expect(pieces.map((one) => one.length)).toEqual([1 << 20, 1 << 20, 2_500_000 - (1 << 21)]);
  });
});

describe("kinds of record", () => {
  test("stdout and stderr are lines of their own, each when it ends", () => {
    const entries = entriesOf([
      record(RecordKind.stdout, "out"),
      record(RecordKind.stderr, "err\n"),
      record(RecordKind.stdout, "put\n"),
    ]);
    expect(entries).toMatchObject([
      { kind: "stderr", text: "err" },
      { kind: "stdout", text: "output" },
    ]);
  });

  test("a marker does not cut the line under way; an exit does", () => {
    const marker = (text: string) =>
      record(RecordKind.marker, JSON.stringify({ id: "transition:1", marker: "transition", text }));
    const entries = entriesOf([
      record(RecordKind.terminal, "hel"),
      marker("STARTING -> RUNNING: started"),
      record(RecordKind.terminal, "lo\nbye"),
      record(RecordKind.exit, JSON.stringify({ code: 0, signal: null })),
      marker("RUNNING -> COMPLETED: exited with code 0"),
    ]);
    expect(entries.map(({ type, text }) => [type, text])).toEqual([
      ["note", "STARTING -> RUNNING: started"],
      ["line", "hello"],
      ["line", "bye"],
      ["note", "RUNNING -> COMPLETED: exited with code 0"],
    ]);
  });

  test("a gap says what is missing and why", () => {
    const gap = (payload: object) => record(RecordKind.gap, JSON.stringify(payload));
    expect(
      entriesOf([gap({ bytes: 12_900_000, reason: "disk-full" }), gap({ bytes: null, reason: "host-lost" })]),
    ).toMatchObject([
      { kind: "gap", text: "the disk was full: 12.3 MiB of output are missing here" },
      { kind: "gap", text: "the process host died: some output may be missing here" },
    ]);
  });

  test("a hostile marker cannot command the terminal, and a broken one is skipped", () => {
    const entries = entriesOf([
      record(RecordKind.marker, JSON.stringify({ id: "message:1", marker: "message", text: "\x1b]0;x\x07\nfaked" })),
      record(RecordKind.marker, "not json"),
    ]);
    expect(entries.map((entry) => entry.text)).toEqual(["\\x1b]0;x\\x07\\nfaked"]);
  });

  test("another attempt begins on a line of its own", () => {
    const reader = new LogReader({ keepRaw: false });
    const entries = [
      ...reader.read(1, [record(RecordKind.terminal, "cut off")]),
      ...reader.read(2, [record(RecordKind.terminal, "again\n")]),
    ];
    expect(entries).toMatchObject([
      { attempt: 1, text: "cut off" },
      { attempt: 2, text: "again" },
    ]);
  });
});

const piece = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      "\n",
      "\r\n",
      "\r",
      "\b",
      "\x1b",
      "\x1b[",
      "31m",
      "\x1b[2K",
      "\x1b[1G",
      "\x1b[5C",
      "\x1b[3;4H",
      "\x1b]0;",
      "\x07",
      "\x1b\\",
      "é😀",
      "\u009b",
      "abc",
    )
    .map((text) => Buffer.from(text)),
);

describe.each([false, true])("keepRaw %s", (keepRaw) => {
  test("any chunking of the same bytes gives the same entries", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(200), { maxLength: 10 }), (pieces, cuts) => {
        const bytes = Buffer.concat(pieces);
        const places = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        const whole = entriesOf([record(RecordKind.terminal, bytes)], { keepRaw });
        expect(
          entriesOf(
            chunks.map((chunk) => record(RecordKind.terminal, chunk)),
            { keepRaw },
          ),
        ).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });
});

test("nothing that could command a terminal is left in a plain line, whatever a program writes", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      for (const text of textsOf(Buffer.concat(pieces)))
        expect(text).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
    }),
    { numRuns: 500 },
  );
});

test("a raw line keeps what the program wrote, and its plain text beside it", () => {
  const entries = entriesOf([record(RecordKind.terminal, "\x1b[31mred\x1b[0m\r\nnext")], { keepRaw: true });
  expect(entries).toMatchObject([
    { text: "red", raw: "\x1b[31mred\x1b[0m\r" },
    { text: "next", raw: "next" },
  ]);
});

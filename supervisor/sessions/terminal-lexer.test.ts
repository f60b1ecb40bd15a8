import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { createEmulator, type EmulatorClass, feedEmulator, insideOf, loadEmulator } from "./terminal-emulator.ts";
import { TerminalLexer } from "./terminal-lexer.ts";

let loaded: EmulatorClass;
beforeAll(async () => {
  loaded = await loadEmulator();
});

const HELD: [string, string | Uint8Array, string][] = [
  ["text", "plain text", ""],
  ["an escape", "text\x1b", "\x1b"],
  ["a control sequence", "text\x1b[38;5", "\x1b[38;5"],
  ["one whose intermediate has come", "\x1b[2 ", "\x1b[2 "],
  ["a whole one", "text\x1b[31m", ""],
  ["a single shift", "\x1bO", ""],
  ["a character set", "a\x1b(", "\x1b("],
  ["a title", "a\x1b]0;vim", "\x1b]0;vim"],
  ["a title ended by a bell", "a\x1b]0;vim\x07", ""],
  ["a title ended by half a terminator", "a\x1b]0;vim\x1b", "\x1b]0;vim\x1b"],
  ["a title ended by a terminator", "a\x1b]0;vim\x1b\\b", ""],
  ["a device string with a bell in it", "\x1bPq\x07#0", "\x1bPq\x07#0"],
  ["a cancelled string", "\x1bPq#0\x18text", ""],
  ["a substituted string", "\x1b]0;a\x1atext", ""],
  ["a string that another sequence cuts short", "\x1b]0;a\x1b[1", "\x1b]0;a\x1b[1"],
  ["a private message", "\x1b^secret", "\x1b^secret"],
  ["an 8-bit control sequence", "\u009b3", "\u009b3"],
  ["an 8-bit string and its terminator", "\u009d0;a\u009c", ""],
  ["half a character", Buffer.from("aé").subarray(0, 2), "\xc3"],
  ["most of a character", Buffer.from("a👍").subarray(0, 4), "\xf0\x9f\x91"],
  ["a character that never ends", Buffer.from([0x61, 0xe6, 0xbc, 0x62]), ""],
  ["bytes that are no character", Buffer.from([0xff, 0x80, 0xf8]), ""],
];

test.each(HELD)("of %s it holds back what is not complete", (_what, output, held) => {
  const lexer = new TerminalLexer();
  const bytes = Buffer.from(output);
  const complete = lexer.push(bytes);
  expect(Buffer.from(lexer.held).toString("latin1")).toBe(
    typeof output === "string" ? Buffer.from(held).toString("latin1") : held,
  );
  expect(Buffer.concat([complete, lexer.held])).toEqual(bytes);
});

const byte = fc.oneof(
  fc.constantFrom(
    ..."\x1b[]P^_X\\?;:0123 mhHKq\x07\x18\x1a\x9b\x9cab(".split("").map((letter) => letter.charCodeAt(0)),
  ),
  fc.integer({ min: 0, max: 255 }),
);
const chunks = fc.array(
  fc.uint8Array({ maxLength: 12 }).chain(({ length }) => fc.array(byte, { minLength: length, maxLength: length })),
  {
    maxLength: 20,
  },
);

test("what it lets through leaves the emulator between two sequences, and nothing is lost or changed", () => {
  fc.assert(
    fc.property(chunks, (parts) => {
      const lexer = new TerminalLexer();
      const emulator = createEmulator(loaded, { columns: 40, rows: 10 });
      const inside = insideOf(emulator)._inputHandler as unknown as {
        _parser: { currentState: number };
        _utf8Decoder: { interim: Uint8Array };
      };
      const through: Uint8Array[] = [];
      for (const part of parts) {
        const complete = lexer.push(Uint8Array.from(part));
        through.push(complete);
        feedEmulator(emulator, complete);
        expect(inside._parser.currentState).toBe(0);
        expect(inside._utf8Decoder.interim[0]).toBe(0);
      }
      expect([...Buffer.concat([...through, lexer.held])]).toEqual(parts.flat());
    }),
    { numRuns: 300 },
  );
});

test("of an endless string it keeps a beginning and finds the end", () => {
  const lexer = new TerminalLexer();
  lexer.push(Buffer.from("\x1bPq"));
  for (let count = 0; count < 40; count += 1) lexer.push(Buffer.alloc(10_000, "#"));
  expect(lexer.held.length).toBe(64 << 10);
  lexer.push(Buffer.from("\x1b"));
  const complete = Buffer.from(lexer.push(Buffer.from("\\text"))).toString("latin1");
  expect(complete.slice(-6)).toBe("\x1b\\text");
  expect(lexer.held.length).toBe(0);
});

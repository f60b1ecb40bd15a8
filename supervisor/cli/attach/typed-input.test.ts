import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TypedInput, type TypedPart } from "./typed-input.ts";

const REPLIES = [
  "\x1b[?62;22;52c",
  "\x1b[>41;390;0c",
  "\x1bP!|00000000\x1b\\",
  "\x1b[0n",
  "\x1b[?997;1n",
  "\x1b[12;40R",
  "\x1b[?1;1;1R",
  "\x1b[?2026;2$y",
  "\x1b[4;1$y",
  "\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
  "\x1b]11;rgb:0000/0000/0000\x07",
  "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\",
  "\x1bP>|XTerm(390)\x1b\\",
  "\x1bP1$r0m\x1b\\",
  "\x1bP1+r544e=787465726d\x1b\\",
  "\x1b[?0u",
  "\x1b[8;40;133t",
  "\x1b_Gi=31;OK\x1b\\",
];
const KEYS = [
  "a",
  "é",
  "\r",
  "\x10",
  "\x1b[A",
  "\x1bOP",
  "\x1b[15~",
  "\x1b[1;5C",
  "\x1b[97;5u",
  "\x1b[27;5;112~",
  "\x1b[<0;10;20M",
  "\x1b[M !!",
  "\x1b[I",
  "\x1b[O",
  "\x1bx",
  "\x1b[1;5R",
  "\x1b[Z",
];
const PASTES = ["\x1b[200~\x1b[?62c and \x1b]11;rgb:0/0/0\x07\r\x1b[201~", "\x1b[200~\x1b[201~"];

function split(pieces: readonly Buffer[], takesCursorReport = () => false): TypedPart[] {
  const input = new TypedInput(takesCursorReport);
  const parts = pieces.flatMap((piece) => input.read(piece));
  return [...parts, ...input.flush()];
}

function textOf(parts: readonly TypedPart[], ...kinds: TypedPart["kind"][]): string {
  return Buffer.concat(parts.filter(({ kind }) => kinds.includes(kind)).map(({ bytes }) => bytes)).toString();
}

test.each(REPLIES)("%j is a terminal's answer", (reply) => {
  expect(split([Buffer.from(reply)])).toEqual([{ kind: "reply", bytes: Buffer.from(reply) }]);
});

test.each(KEYS)("%j was typed", (key) => {
  const parts = split([Buffer.from(key)]);
  expect(textOf(parts, "text", "sequence")).toBe(key);
});

test.each(PASTES)("%j was pasted, whatever it holds", (paste) => {
  expect(textOf(split([Buffer.from(paste)]), "pasted")).toBe(paste);
});

describe("F3 with Ctrl looks like a cursor in the first row", () => {
  test("and is one when the terminal was asked, once each time", () => {
    let asked = 1;
    const parts = split([Buffer.from("\x1b[1;5R\x1b[1;5R")], () => {
      asked -= 1;
      return asked >= 0;
    });
    expect(parts.map(({ kind }) => kind)).toEqual(["reply", "sequence"]);
  });
});

test("whatever it holds and however it is cut, nothing is lost and all of it is told the same", () => {
  const piece = fc.oneof(
    fc.constantFrom(...REPLIES).map((text) => ({ kind: "reply" as const, text })),
    fc.constantFrom(...KEYS).map((text) => ({ kind: "key" as const, text })),
    fc.constantFrom(...PASTES).map((text) => ({ kind: "pasted" as const, text })),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.array(fc.nat(200), { maxLength: 8 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.map(({ text }) => text).join(""));
      const borders = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
      const chunks = [0, ...borders].map((from, index) => bytes.subarray(from, borders[index] ?? bytes.length));
      const parts = split(chunks);
      expect(Buffer.concat(parts.map((part) => part.bytes)).equals(bytes)).toBe(true);
      const of = (kind: string) =>
        pieces
          .filter((one) => one.kind === kind)
          .map(({ text }) => text)
          .join("");
      expect(textOf(parts, "reply")).toBe(of("reply"));
      expect(textOf(parts, "pasted")).toBe(of("pasted"));
      expect(textOf(parts, "text", "sequence")).toBe(of("key"));
    }),
  );
});

test("Escape by itself is held until more comes or it is flushed", () => {
  const input = new TypedInput(() => false);
  expect(input.read(Buffer.from("\x1b"))).toEqual([]);
  expect(input.isHolding).toBe(true);
  expect(input.flush()).toEqual([{ kind: "text", bytes: Buffer.from("\x1b") }]);
  expect(input.isHolding).toBe(false);
});

test("Alt-P and Enter are no beginning of an answer", () => {
  const input = new TypedInput(() => false);
  expect(input.read(Buffer.from("\x1bPx"))).toEqual([]);
  expect(textOf(input.read(Buffer.from("\r")), "text")).toBe("\x1bPx\r");
});

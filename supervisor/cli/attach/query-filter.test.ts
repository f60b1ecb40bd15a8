import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { QueryFilter } from "./query-filter.ts";

const QUERIES = [
  "\x05",
  "\x1bZ",
  "\x1b[c",
  "\x1b[0c",
  "\x1b[>c",
  "\x1b[=c",
  "\x1b[>0q",
  "\x1b[5n",
  "\x1b[6n",
  "\x1b[?6n",
  "\x1b[?996n",
  "\x1b[?2026$p",
  "\x1b[4$p",
  "\x1b[18t",
  "\x1b[14;2t",
  "\x1b[?u",
  "\x1b[?4m",
  "\x1b[?1;1;0S",
  "\x1b]11;?\x07",
  "\x1b]10;?\x1b\\",
  "\x1b]4;1;?\x07",
  "\x1b]52;c;?\x07",
  "\x1bP$qm\x1b\\",
  "\x1bP+q544e\x1b\\",
  "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
];
const OTHERS = [
  "text",
  "ä€😀",
  "\r\n",
  "\x1b[31m",
  "\x1b[m",
  "\x1b[2J",
  "\x1b[?1049h",
  "\x1b[>1u",
  "\x1b[>4;2m",
  "\x1b[2 q",
  "\x1b[8;40;133t",
  "\x1b[22;0t",
  "\x1b[3S",
  "\x1b]0;really?\x07",
  "\x1b]0;a;?\x1b\\",
  "\x1b]11;#000000\x07",
  "\x1b]8;;https://example.com/?q=?\x1b\\",
  "\x1b]52;c;aGk=\x07",
  "\x1bP0;1q#0;2;0;0;0~~\x1b\\",
  "\x1b7",
  "\x1b(B",
  "\x1b=",
  "\x1bM",
  "\x1b[!p",
];

function strip(...chunks: Buffer[]): string {
  const filter = new QueryFilter();
  const kept = chunks.map((chunk) => filter.strip(chunk));
  return Buffer.concat([...kept, filter.pass(Buffer.alloc(0))]).toString();
}

test.each(QUERIES)("%j is taken out", (query) => {
  expect(strip(Buffer.from(`a${query}b`))).toBe("ab");
});

test.each(OTHERS)("%j is left", (other) => {
  expect(strip(Buffer.from(`a${other}b`))).toBe(`a${other}b`);
});

const piece = fc.oneof(
  fc.constantFrom(...QUERIES).map((text) => ({ text, isQuery: true })),
  fc.constantFrom(...OTHERS).map((text) => ({ text, isQuery: false })),
);

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const borders = cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...borders].map((from, index) => bytes.subarray(from, borders[index] ?? bytes.length));
}

test("however it is cut, queries alone are taken out", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.array(fc.nat(300), { maxLength: 10 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.map(({ text }) => text).join(""));
      const kept = pieces.filter(({ isQuery }) => !isQuery).map(({ text }) => text);
      expect(strip(...cut(bytes, cuts))).toBe(kept.join(""));
    }),
  );
});

describe("from old output to new", () => {
  test("a query that ends in new output reaches the terminal whole", () => {
    const filter = new QueryFilter();
    expect(filter.strip(Buffer.from("a\x1b[")).toString()).toBe("a");
    expect(Buffer.from(filter.pass(Buffer.from("6nb"))).toString()).toBe("\x1b[6nb");
    expect([filter.takeCursorReport(), filter.takeCursorReport()]).toEqual([true, false]);
  });

  test("new output goes through byte for byte, and each query of the cursor counts once", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), fc.array(fc.nat(300), { maxLength: 10 }), (pieces, cuts) => {
        const filter = new QueryFilter();
        const bytes = Buffer.from(pieces.map(({ text }) => text).join(""));
        const passed = Buffer.concat(cut(bytes, cuts).map((chunk) => filter.pass(chunk)));
        expect(passed.equals(bytes)).toBe(true);
        let count = 0;
        while (filter.takeCursorReport()) count += 1;
        expect(count).toBe(pieces.filter(({ text }) => /^\x1b\[\??6n$/.test(text)).length);
      }),
    );
  });
});

test("a string that has no end is shown, not held for ever", () => {
  const filter = new QueryFilter();
  const picture = `\x1bP0q${"~".repeat(5000)}`;
  expect(Buffer.from(filter.strip(Buffer.from(picture))).toString()).toBe(picture);
});

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { plain, quoteArgv } from "./plain.ts";
import { cutToWidth, displayWidth, padToWidth } from "./width.ts";

test.each([
  ["calm-otter", "calm-otter"],
  ["déjà 日本 👩‍🚀", "déjà 日本 👩‍🚀"],
  ["\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"],
  ["a\r\n\tb", "a\\r\\n\\tb"],
  ["\u009b31m\u0000\u007f", "\\x9b31m\\x00\\x7f"],
  ["user\u202etxt.exe\u2066\u200b\u2028", "user\\u202etxt.exe\\u2066\\u200b\\u2028"],
])("%j is shown as %j", (text, shown) => {
  expect(plain(text)).toBe(shown);
});

test("no text of any kind commands a terminal", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(plain(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test.each([
  [["npm", "run", "test:unit", "--x=1"], "npm run test:unit --x=1"],
  [["echo", "two words", "it's", ""], "echo 'two words' 'it'\\''s' ''"],
  [["printf", "a\nb'\\"], "printf $'a\\nb\\'\\\\'"],
])("%j is quoted as %s", (argv, line) => {
  expect(quoteArgv(argv)).toBe(line);
});

test("a quoted command line means the same words to bash", () => {
  const word = fc.string({
    unit: fc.constantFrom("a", " ", "'", '"', "\\", "$", "`", "\n", "\t", "*", "é", "!", "\x1b"),
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
      const printed = execFileSync("bash", ["-c", `printf '%s\\0' ${quoteArgv(words)}`], { encoding: "utf8" });
      expect(printed.split("\0").slice(0, -1)).toEqual(words);
    }),
    { numRuns: 40 },
  );
});

test.each([
  ["", 0],
  ["abc", 3],
  ["déjà", 4],
  ["日本語", 6],
  ["👍", 2],
  ["👩‍🚀", 2],
  ["🇪🇺", 2],
  ["❤️", 2],
  ["한글", 4],
  ["e\u0301", 1],
])("%j takes %i columns", (text, width) => {
  expect(displayWidth(text)).toBe(width);
  expect(displayWidth(padToWidth(text, 10))).toBe(10);
});

test("a text that is cut fits, and says that it was cut", () => {
  expect(cutToWidth("abcdef", 6)).toBe("abcdef");
  expect(cutToWidth("abcdefg", 6)).toBe("abcde…");
  expect(displayWidth(cutToWidth("日本語日本語", 6))).toBeLessThanOrEqual(6);
  expect(cutToWidth("日本語日本語", 6)).toMatch(/…$/);
});

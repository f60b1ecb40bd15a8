import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { splitCommandLine } from "./command-line.ts";

const wordsOf = (text: string) => {
  const split = splitCommandLine(text);
  if (!split.ok) throw new Error(split.fault.message);
  return split.value.words;
};

test.each<[string, string[]]>([
  ["npm test", ["npm", "test"]],
  ["  a \t b\nc ", ["a", "b", "c"]],
  [`echo "two words" 'and $three'`, ["echo", "two words", "and $three"]],
  [`a"b"'c'd`, ["abcd"]],
  [`'' ""`, ["", ""]],
  [String.raw`a\ b \"c\"`, ["a b", '"c"']],
  [String.raw`"a\"b\\c\d"`, [String.raw`a"b\c\d`]],
  ["one\\\ntwo", ["onetwo"]],
  ["echo déjà 😀", ["echo", "déjà", "😀"]],
])("%j", (text, words) => {
  expect(wordsOf(text)).toEqual(words);
});

test.each([
  ["echo 'open", "character 6"],
  ['say "it', "character 5"],
  ["end\\", "backslash"],
  ["   ", "empty"],
])("%j is a usage fault that says where", (text, says) => {
  const split = splitCommandLine(text);
  expect(split).toMatchObject({ ok: false, fault: { code: "usage", message: expect.stringContaining(says) } });
});

test.each<[string, string[]]>([
  ["a | b && c", ["|", "&&"]],
  ["a > out; b", [">", ";"]],
  ["echo $HOME `id` *.ts", ["$", "`", "*"]],
  [`echo "$HOME and \`id\`"`, ["$", "`"]],
  [String.raw`echo '$HOME | *' \$HOME "\$HOME" 5$`, []],
])("what a shell would act on in %j is passed on and named", (text, literal) => {
  const split = splitCommandLine(text);
  expect(split.ok && split.value.literal).toEqual(literal);
});

test("operators stay in their words", () => {
  expect(wordsOf("a && b >>c $(d)")).toEqual(["a", "&&", "b", ">>c", "$(d)"]);
});

test("sh splits the same way whatever it does not act on", () => {
  const piece = fc.constantFrom(
    "a",
    "B7",
    " ",
    "  ",
    "'",
    '"',
    "\\",
    "x y",
    "-",
    "=",
    "/",
    "é",
    "\\\\",
    "''",
    "'q r'",
    '"s t"',
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (pieces) => {
      const text = `w ${pieces.join("")}`;
      const split = splitCommandLine(text);
      let shell: string[] | undefined;
      try {
        shell = execFileSync("sh", ["-c", `printf '%s\\0' ${text}\n`], { encoding: "utf8", stdio: "pipe" })
          .split("\0")
          .slice(0, -1);
      } catch {
        shell = undefined; // Unbalanced for sh as well.
      }
      // A backslash before the closing newline is a continuation for sh and a fault for us.
      fc.pre(!/(^|[^\\])(\\\\)*\\$/.test(text));
      expect(split.ok ? split.value.words : undefined).toEqual(shell);
    }),
    { numRuns: 60 },
  );
});

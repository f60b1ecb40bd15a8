import { expect, test } from "vitest";
import { parseDotenv } from "./dotenv.ts";

test.each<[string, string, Record<string, string>]>([
  ["plain lines", "A=1\nB=two words\n", { A: "1", B: "two words" }],
  ["blank lines and comments", "\n# all of it\nA=1 # the rest\n\t\nB=a#b\n#C=3", { A: "1", B: "a#b" }],
  ["export and spaces", "export A=1\n  B = 2 \n", { A: "1", B: "2" }],
  ["single quotes are literal", String.raw`A='x\n$HOME # "y"' # note`, { A: String.raw`x\n$HOME # "y"` }],
  ["double quotes have escapes", String.raw`A="x\n\"y\" \\ \d $HOME"`, { A: 'x\n"y" \\ \\d $HOME' }],
  ["quotes over lines", "A=\"one\ntwo\"\nB='three\nfour'\n", { A: "one\ntwo", B: "three\nfour" }],
  ["empty values", "A=\nB=''\nC=\"\"", { A: "", B: "", C: "" }],
  ["a value with =", "URL=http://x/?a=b&c=d\n", { URL: "http://x/?a=b&c=d" }],
  ["line ends of Windows and a byte order mark", "\ufeffA=1\r\nB=2\r\n", { A: "1", B: "2" }],
  ["the last of two wins", "A=1\nA=2\n", { A: "2" }],
  ["a backslash in a bare value", "P=C:\\dir\\file\n", { P: "C:\\dir\\file" }],
  ["nothing", "", {}],
])("%s", (_, text, variables) => {
  expect(parseDotenv(text)).toEqual({ ok: true, value: variables });
});

test.each([
  ["A=1\nnot a variable\n", "line 2 is no KEY=VALUE"],
  ["1A=x", "line 1 is no KEY=VALUE"],
  ['A=1\n\nB="open\nstill\n', 'line 3 has a "'],
  ["A='x' y", "line 1 has a '"],
])("%j is refused", (text, message) => {
  expect(parseDotenv(text)).toMatchObject({
    ok: false,
    fault: { code: "usage", message: expect.stringContaining(message) },
  });
});

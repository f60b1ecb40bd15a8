import { expect, test } from "vitest";
import { TerminalModes } from "./terminal-modes.ts";

function resetAfter(...output: string[]): string {
  const modes = new TerminalModes();
  for (const one of output) modes.note(Buffer.from(one));
  return modes.takeReset();
}

test.each<[string, string[], string]>([
  ["nothing was switched on", ["plain \x1b[31mred\x1b[0m"], ""],
  ["a program was cut off in the alternate screen", ["\x1b[?1049h\x1b[?25lx"], "\x1b[?1049l\x1b[?25h"],
  ["it left it by itself", ["\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"], ""],
  ["it left it by another number", ["\x1b[?1049h", "\x1b[?47l"], ""],
  ["several at once, cut between chunks", ["\x1b[?1000;10", "06h\x1b[?20", "04h"], "\x1b[?1000l\x1b[?1006l\x1b[?2004l"],
  ["modes that harm nobody", ["\x1b[?7h\x1b[?12l"], ""],
  ["lines no longer wrap", ["\x1b[?7l"], "\x1b[?7h"],
  ["colours", ["\x1b[1;31mred"], "\x1b[0m"],
  ["keys in kitty's protocol, twice", ["\x1b[>1u\x1b[>5u"], "\x1b[<2u"],
  ["the protocol was left", ["\x1b[>1u", "\x1b[<u"], ""],
  ["keys are told apart", ["\x1b[>4;2m"], "\x1b[>4m"],
  ["the keypad, and line drawing", ["\x1b=\x1b(0"], "\x1b>\x1b(B"],
  ["another cursor", ["\x1b[4 q"], "\x1b[0 q"],
  ["margins", ["\x1b[2;10r"], "\x1b7\x1b[r\x1b8"],
  ["margins that were taken back", ["\x1b[2;10r\x1b[r"], ""],
])("%s", (_, output, reset) => {
  expect(resetAfter(...output)).toBe(reset);
});

test("what was reset is not reset again", () => {
  const modes = new TerminalModes();
  modes.note(Buffer.from("\x1b[?1049h\x1b[31m\x1b[>1u"));
  expect(modes.takeReset()).not.toBe("");
  expect(modes.takeReset()).toBe("");
});

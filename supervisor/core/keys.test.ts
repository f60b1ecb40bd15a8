import { expect, test } from "vitest";
import { checkKeys, keyBytes, MOST_KEYS } from "./keys.ts";

const normal = { applicationCursor: false };
const application = { applicationCursor: true };

test.each([
  ["enter", "\r"],
  ["escape", "\x1b"],
  ["tab", "\t"],
  ["shift-tab", "\x1b[Z"],
  ["backspace", "\x7f"],
  ["delete", "\x1b[3~"],
  ["up", "\x1b[A"],
  ["down", "\x1b[B"],
  ["left", "\x1b[D"],
  ["right", "\x1b[C"],
  ["home", "\x1b[H"],
  ["end", "\x1b[F"],
  ["page-up", "\x1b[5~"],
  ["page-down", "\x1b[6~"],
  ["space", " "],
  ["f1", "\x1bOP"],
  ["f5", "\x1b[15~"],
  ["f12", "\x1b[24~"],
  ["ctrl-a", "\x01"],
  ["ctrl-c", "\x03"],
  ["ctrl-z", "\x1a"],
  ["ctrl-space", "\0"],
  ["ctrl-[", "\x1b"],
  ["ctrl-\\", "\x1c"],
  ["ctrl-]", "\x1d"],
  ["ctrl-_", "\x1f"],
  ["alt-x", "\x1bx"],
  ["alt-X", "\x1bX"],
  ["alt-enter", "\x1b\r"],
  ["y", "y"],
  ["-", "-"],
])("%s is %j", (key, bytes) => {
  expect(keyBytes(key, normal)).toBe(bytes);
});

test.each(["up", "down", "left", "right", "home", "end"])("%s follows the program's cursor mode", (key) => {
  expect(keyBytes(key, application)).toBe(keyBytes(key, normal)?.replace("[", "O"));
});

test.each(["delete", "page-up", "f5", "shift-tab", "ctrl-c"])("%s is the same in both cursor modes", (key) => {
  expect(keyBytes(key, application)).toBe(keyBytes(key, normal));
});

test.each([
  ["esc", "escape"],
  ["Enter", "enter"],
  ["pageup", "page-up"],
  ["ctl-c", "ctrl-c"],
])("%s is no key, and %s is proposed", (typed, meant) => {
  const checked = checkKeys(["tab", typed]);
  expect(checked).toMatchObject({ ok: false, fault: { code: "usage", hint: `did you mean ${meant}?` } });
  expect(!checked.ok && checked.fault.message).toContain(JSON.stringify(typed));
});

test("what is near to no key is answered with all", () => {
  expect(checkKeys(["hyperspace-bypass"])).toMatchObject({
    ok: false,
    fault: { hint: expect.stringMatching(/enter.*up.*f1 to f12/) },
  });
  expect(checkKeys([""])).toMatchObject({ ok: false });
  expect(checkKeys(["ä"])).toMatchObject({ ok: false });
});

test("more keys than a delivery has room for are refused", () => {
  const keys = (count: number) => Array.from({ length: count }, () => "down");
  expect(checkKeys(keys(MOST_KEYS)).ok).toBe(true);
  expect(checkKeys(keys(MOST_KEYS + 1))).toMatchObject({ ok: false, fault: { code: "usage" } });
});

import { expect, test } from "vitest";
import {
  controlGroupAround,
  homeControlGroup,
  isHomeControlGroup,
  parseSessionLabel,
  sessionLabel,
} from "./control-groups.ts";

test("each home has a name of its own", () => {
  expect(homeControlGroup("/home/me/overmind")).not.toBe(homeControlGroup("/home/me/other"));
  expect(isHomeControlGroup(homeControlGroup("/home/me/overmind"))).toBe(true);
  expect(isHomeControlGroup("user.slice")).toBe(false);
});

test("a label names its session, and no other group does", () => {
  expect(parseSessionLabel(sessionLabel("abcdefghijkl"))).toBe("abcdefghijkl");
  expect(parseSessionLabel("made-by-a-program")).toBeUndefined();
});

test.each([
  ["0::/user.slice/user-1000.slice/session-3.scope\n", "/user.slice/user-1000.slice/session-3.scope"],
  ["0::/\n", "/"],
  ["9:name=systemd:/\n4:memory:/inner\n0::/outer\n", "/outer"],
  ["4:memory:/inner\n", undefined],
  ["", undefined],
  ["0::/user.slice/overmind-0123456789abcdef/place\n", "/user.slice"],
  ["0::/overmind-0123456789abcdef/place/overmind-fedc/place\n", "/"],
])("around a process of %j is %j", (text, around) => {
  expect(controlGroupAround(text)).toBe(around);
});

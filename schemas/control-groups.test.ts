import { expect, test } from "vitest";
import { controlGroupAround, homeControlGroup, isHomeControlGroup, processControlGroup } from "./control-groups.ts";

test("a process's group is named after its home, session, process and attempt", () => {
  const key = { sessionId: "abcdefghijkl", process: "a/b", attempt: 2 };
  expect(processControlGroup("/home/me/overmind", key)).toBe(
    `${homeControlGroup("/home/me/overmind")}/abcdefghijkl/a%2Fb@2`,
  );
  expect(homeControlGroup("/home/me/overmind")).not.toBe(homeControlGroup("/home/me/other"));
  expect(isHomeControlGroup(homeControlGroup("/home/me/overmind"))).toBe(true);
  expect(isHomeControlGroup("user.slice")).toBe(false);
});

test.each([
  ["0::/user.slice/user-1000.slice/session-3.scope\n", "/user.slice/user-1000.slice/session-3.scope"],
  ["0::/\n", "/"],
  ["9:name=systemd:/\n4:memory:/inner\n0::/outer\n", "/outer"],
  ["4:memory:/inner\n", undefined],
  ["", undefined],
  ["0::/user.slice/overmind-0123456789abcdef/abcdefghijkl/main@1\n", "/user.slice"],
  ["0::/overmind-0123456789abcdef/abcdefghijkl/main@1/overmind-fedc/x/main@1\n", "/"],
])("around a process of %j is %j", (text, around) => {
  expect(controlGroupAround(text)).toBe(around);
});

import { expect, test } from "vitest";
import { chooseName } from "./names.ts";

/** Numbers in a fixed order, as a random source that repeats. */
function counting(): (below: number) => number {
  let next = 0;
  return (below) => next++ % below;
}

test("a name is an adjective and a noun that a session's name may be", () => {
  expect(chooseName(new Set(), counting())).toMatch(/^[a-z]+-[a-z]+$/);
});

test("a taken name is not given, even when every draw is the same", () => {
  const always = () => 0;
  const first = chooseName(new Set(), always);
  const second = chooseName(new Set([first]), always);
  const third = chooseName(new Set([first, second]), always);
  expect(new Set([first, second, third]).size).toBe(3);
});

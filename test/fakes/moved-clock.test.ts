import { expect, test } from "vitest";
import { createMovedClock } from "./moved-clock.ts";

test("timers run in the order of their times, each at its own, those that were armed on the way included", () => {
  const clock = createMovedClock(100);
  const ran: string[] = [];
  const note = (name: string) => ran.push(`${name} at ${clock.now()}`);
  clock.after(30, () => note("third"));
  clock.after(10, () => {
    note("first");
    clock.after(10, () => note("second"));
  });
  clock.after(500, () => note("never"));
  clock.after(20, () => note("disposed")).dispose();
  expect(clock.nextTimerMs()).toBe(110);
  clock.advance(50);
  expect(ran).toEqual(["first at 110", "second at 120", "third at 130"]);
  expect(clock.now()).toBe(150);
  expect(clock.nextTimerMs()).toBe(600);
});

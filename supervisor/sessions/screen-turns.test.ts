import { expect, test } from "vitest";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import type { Clock } from "../ports/clock.ts";
import { ScreenTurns, type Worker } from "./screen-turns.ts";

interface Counted extends Worker {
  isUrgent: boolean;
  left: number;
}

/** A clock in which a slice takes as long as the test says. */
function slowed(clock: MovedClock, state: { workMs: number }): Clock {
  return { ...clock, awakeMs: () => clock.awakeMs() + state.workMs };
}

function world() {
  const clock = createMovedClock();
  const state = { workMs: 0 };
  const turns = new ScreenTurns(slowed(clock, state));
  const order: string[] = [];
  const worker = (name: string, left: number, sliceMs = 1): Counted => ({
    isUrgent: false,
    left,
    slice() {
      order.push(`${name}@${clock.now() - 1_000_000}`);
      state.workMs += sliceMs;
      this.left -= 1;
      return this.left > 0;
    },
  });
  return { clock, turns, order, worker };
}

test("all together work a small part of the time, one after the other", () => {
  const { clock, turns, order, worker } = world();
  turns.want(worker("a", 3, 2));
  turns.want(worker("b", 2, 2));
  clock.advance(1000);
  // 2 ms of work, then 28 of rest; the clock of this world stands while they work.
  expect(order).toEqual(["a@0", "b@28", "a@56", "b@84", "a@112"]);
  expect(clock.nextTimerMs()).toBeUndefined();
});

test("whoever is waited for does not rest, and goes before the others", () => {
  const { clock, turns, order, worker } = world();
  const [flood, wanted] = [worker("flood", 100, 4), worker("wanted", 3)];
  turns.want(flood);
  clock.advance(0);
  wanted.isUrgent = true;
  turns.want(wanted);
  clock.advance(0);
  expect(order).toEqual(["flood@0", "wanted@0", "wanted@0", "wanted@0"]);
  clock.advance(14);
  expect(order.at(-1)).toBe("flood@14");
});

test("a slice that is too short to measure is followed by a rest too, and a long one by none without end", () => {
  const { clock, turns, order, worker } = world();
  turns.want(worker("short", 2, 0));
  clock.advance(1);
  expect(order).toEqual(["short@0", "short@1"]);
  turns.want(worker("long", 2, 10_000));
  clock.advance(300);
  expect(order.slice(2)).toEqual(["long@2", "long@202"]);
});

test("whoever has left gets no turn, and nothing is armed for nobody", () => {
  const { clock, turns, order, worker } = world();
  const left = worker("left", 5);
  turns.want(left);
  turns.leave(left);
  clock.advance(10);
  expect(order).toEqual([]);
  turns.want(left);
  turns.dispose();
  expect(clock.nextTimerMs()).toBeUndefined();
});

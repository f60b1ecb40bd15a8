import { expect, test } from "vitest";
import type { Disposable } from "../ports/hive.ts";
import { startLoop } from "./loop.ts";
import type { Outcome } from "./outcome.ts";

/** A clock whose timers run when the test says so. */
function handClock() {
  const timers: { delayMs: number; run: () => void; gone: boolean }[] = [];
  return {
    timers,
    awakeMs: () => 0,
    now: () => 0,
    after(delayMs: number, run: () => void): Disposable {
      const timer = { delayMs, run, gone: false };
      timers.push(timer);
      return {
        dispose: () => {
          timer.gone = true;
        },
      };
    },
  };
}

const silent = { info() {}, warn() {}, error() {} };

function loopOf(outcomes: Outcome[], onTick: (key: string) => Promise<void> = async () => {}) {
  const clock = handClock();
  const ticks: string[] = [];
  const loop = startLoop({
    clock,
    log: silent,
    reconcile: async (key) => {
      ticks.push(key);
      await onTick(key);
      return outcomes.shift() ?? { type: "done" };
    },
  });
  return { clock, ticks, loop };
}

test("a key that is told of while it is at work is looked at once more, and only once", async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { ticks, loop } = loopOf([], async () => (ticks.length === 1 ? gate : undefined));
  for (let i = 0; i < 5; i += 1) loop.enqueue("a");
  expect(ticks).toEqual(["a"]);
  release();
  await loop.idle();
  expect(ticks).toEqual(["a", "a"]);
});

test("a failure is tried again with growing pauses, and success resets them", async () => {
  const fault = { code: "busy", message: "not now", retryable: true } as const;
  const retry: Outcome = { type: "retry", fault };
  const { clock, loop } = loopOf([retry, retry, retry, { type: "done" }, retry]);
  const pauses: number[] = [];
  loop.enqueue("a");
  for (let tick = 0; tick < 3; tick += 1) {
    await loop.idle();
    const timer = clock.timers.at(-1);
    pauses.push(timer?.delayMs ?? 0);
    timer?.run();
  }
  await loop.idle();
  expect(pauses).toEqual([100, 200, 400]);
  loop.enqueue("a");
  await loop.idle();
  expect(clock.timers.at(-1)?.delayMs).toBe(100);
});

test("what is stuck or done waits for a change, with no timer", async () => {
  const { clock, ticks, loop } = loopOf([
    { type: "stuck", fault: { code: "failed", message: "no", retryable: false } },
  ]);
  loop.enqueue("a");
  await loop.idle();
  expect(clock.timers).toEqual([]);
  loop.enqueue("a");
  await loop.idle();
  expect(ticks).toEqual(["a", "a"]);
});

test("a tick that throws harms no other key and is tried again", async () => {
  const { clock, ticks, loop } = loopOf([], async (key) => {
    if (key === "bad") throw new Error("a bug");
  });
  loop.enqueue("bad");
  loop.enqueue("good");
  await loop.idle();
  expect(ticks).toEqual(["bad", "good"]);
  expect(clock.timers.map((timer) => timer.delayMs)).toEqual([100]);
});

test("a key that is told of before its timer fires does not run twice", async () => {
  const { clock, ticks, loop } = loopOf([{ type: "again", afterMs: 5000 }]);
  loop.enqueue("a");
  await loop.idle();
  loop.enqueue("a");
  await loop.idle();
  expect(clock.timers[0]?.gone).toBe(true);
  expect(ticks).toEqual(["a", "a"]);
});

test("a key that each look at it changes is made to wait, so that all else has its turn", async () => {
  let changed = 0;
  const { clock, ticks, loop } = loopOf([], async (key) => {
    if (key !== "restless") return;
    changed += 1;
    loop.enqueue(key);
  });
  loop.enqueue("restless");
  await loop.idle();
  expect(changed).toBe(100);
  expect(clock.timers.filter(({ gone }) => !gone).map(({ delayMs }) => delayMs)).toEqual([100]);
  loop.enqueue("other");
  await loop.idle();
  expect(ticks.at(-1)).toBe("other");
});

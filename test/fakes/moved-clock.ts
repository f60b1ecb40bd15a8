import type { Clock } from "../../supervisor/ports/clock.ts";

/** A clock that stands still until a test moves it. */
export interface MovedClock extends Clock {
  /** Moves on, and runs what is due on the way, each at its own time, timers armed on the way included. */
  advance(byMs: number): void;
  /** The machine sleeps: the wall clock goes on, no timer fires until it wakes, and being awake stands still. */
  sleep(forMs: number): void;
  /** When the next timer is due; undefined when none is armed. */
  nextTimerMs(): number | undefined;
}

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

export function createMovedClock(startMs = 1_000_000): MovedClock {
  let nowMs = startMs;
  /** In the order in which they were armed. */
  const timers = new Set<Timer>();
  let sleptMs = 0;

  function next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) if (first === undefined || timer.atMs < first.atMs) first = timer;
    return first;
  }

  return {
    now: () => nowMs,
    awakeMs: () => nowMs - sleptMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + Math.max(0, delayMs), run };
      timers.add(timer);
      return { dispose: () => void timers.delete(timer) };
    },
    advance(byMs) {
      const untilMs = nowMs + byMs;
      for (let timer = next(); timer !== undefined && timer.atMs <= untilMs; timer = next()) {
        timers.delete(timer);
        nowMs = timer.atMs;
        timer.run();
      }
      nowMs = untilMs;
    },
    sleep(forMs) {
      sleptMs += forMs;
      nowMs += forMs;
    },
    nextTimerMs: () => next()?.atMs,
  };
}

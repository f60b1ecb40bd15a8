import type { Clock } from "../../supervisor/ports/clock.ts";

/** A clock that stands still until a test moves it. */
export interface MovedClock extends Clock {
  /** Moves on, and runs what is due on the way, each at its own time, timers armed on the way included. */
  advance(byMs: number): void;
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

  function next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) if (first === undefined || timer.atMs < first.atMs) first = timer;
    return first;
  }

  return {
    now: () => nowMs,
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
    nextTimerMs: () => next()?.atMs,
  };
}

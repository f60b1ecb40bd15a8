/**
 * Who may work on a screen now. All screens together get a small share of the processor, in slices of a few
 * milliseconds and one after the other, so that whoever floods its terminal holds up neither the supervisor nor the
 * screens of others. Somebody who waits for a screen is served without that pause.
 */
import type { Clock } from "../ports/clock.ts";
import type { Disposable } from "../ports/hive.ts";

/** With the reading that goes with it a tenth of one core, for all screens. The flood itself is to have the rest. */
const PAUSE_PER_WORK = 14;
/** A pause so long is made even after work too short to measure: a slice each millisecond is no idle share. */
const SHORTEST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 200;

export interface Worker {
  /** Works for a few milliseconds. True: there is more to do. */
  slice(): boolean;
  /** Somebody waits for it. */
  readonly isUrgent: boolean;
}

export class ScreenTurns implements Disposable {
  readonly #clock: Clock;
  readonly #waiting = new Set<Worker>();
  #timer: Disposable | undefined;
  /** Before this no slice is due, but for one that is urgent. */
  #restsUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It has something to do, or has become urgent. */
  want(worker: Worker): void {
    this.#waiting.add(worker);
    if (worker.isUrgent) this.#rearm();
    else this.#arm();
  }

  leave(worker: Worker): void {
    this.#waiting.delete(worker);
  }

  dispose(): void {
    this.#waiting.clear();
    this.#timer?.dispose();
    this.#timer = undefined;
  }

  #rearm(): void {
    this.#timer?.dispose();
    this.#timer = undefined;
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    const waitMs = this.#urgent() === undefined ? Math.max(0, this.#restsUntilMs - this.#clock.awakeMs()) : 0;
    this.#timer = this.#clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#work();
      this.#arm();
    });
  }

  #urgent(): Worker | undefined {
    for (const worker of this.#waiting) if (worker.isUrgent) return worker;
    return undefined;
  }

  #work(): void {
    const [first] = this.#waiting;
    const worker = this.#urgent() ?? first;
    if (worker === undefined) return;
    const beganMs = this.#clock.awakeMs();
    this.#waiting.delete(worker);
    // Behind the others: each gets its turn.
    if (worker.slice()) this.#waiting.add(worker);
    const endedMs = this.#clock.awakeMs();
    const pauseMs = Math.max(SHORTEST_PAUSE_MS, (endedMs - beganMs) * PAUSE_PER_WORK);
    this.#restsUntilMs = endedMs + Math.min(LONGEST_PAUSE_MS, pauseMs);
  }
}

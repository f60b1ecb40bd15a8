/** The keyed queue of a reconcile loop: each key at most once in line and at most once at work. */
import { faultOf } from "../../schemas/fault.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable } from "../ports/hive.ts";
import type { Outcome } from "./outcome.ts";

/** Keys at work at once: enough to hide the waiting for git and the process host, few enough not to starve them. */
const WORKERS = 32;
const FIRST_RETRY_MS = 100;
/**
 * Looks at a key one after the other, each because of a change since it began, before it has to wait: a rule that changes
 * what it looks at each time would keep the whole supervisor from everything else.
 */
const MOST_LOOKS_IN_A_ROW = 100;
/** The longest pause between tries: what is broken for long is looked at twice a minute. */
const LONGEST_RETRY_MS = 30_000;

export interface Loop extends Disposable {
  /** Looks at the key soon. While it is at work it is looked at once more afterwards. */
  enqueue(key: string): void;
  /** Resolves when nothing is in line or at work; timers may still be armed. */
  idle(): Promise<void>;
}

interface KeyState {
  state: "waiting" | "queued" | "working" | "working-again";
  failures: number;
  /** Looks since it last came to rest. */
  looks: number;
  timer: Disposable | undefined;
}

export function startLoop(options: {
  readonly reconcile: (key: string) => Promise<Outcome>;
  readonly clock: Clock;
  readonly log: Log;
}): Loop {
  const { reconcile, clock, log } = options;
  const keys = new Map<string, KeyState>();
  const line: string[] = [];
  let idleWaiters: (() => void)[] = [];
  let working = 0;
  let disposed = false;

  function enqueue(key: string): void {
    if (disposed) return;
    const known = keys.get(key);
    if (known === undefined) {
      keys.set(key, { state: "queued", failures: 0, looks: 0, timer: undefined });
      line.push(key);
    } else if (known.state === "waiting") {
      known.timer?.dispose();
      known.timer = undefined;
      known.state = "queued";
      line.push(key);
    } else if (known.state === "working") {
      known.state = "working-again";
    }
    pump();
  }

  function pump(): void {
    while (working < WORKERS && line.length > 0 && !disposed) {
      const key = line.shift();
      const state = key === undefined ? undefined : keys.get(key);
      if (key === undefined || state === undefined) continue;
      state.state = "working";
      working += 1;
      void tick(key).then((outcome) => settle(key, state, outcome));
    }
    if (working === 0 && line.length === 0) {
      for (const resolve of idleWaiters) resolve();
      idleWaiters = [];
    }
  }

  /** The fence of a tick: a bug in one is logged and tried again, and harms no other key. */
  async function tick(key: string): Promise<Outcome> {
    try {
      return await reconcile(key);
    } catch (error) {
      const fault = faultOf(error);
      // Somebody else wrote first: what was decided on is stale, so it is simply looked at again.
      if (fault.code === "conflict") return { type: "again", afterMs: 0 };
      log.error("a tick failed", { key, fault, stack: error instanceof Error ? error.stack : undefined });
      return { type: "retry", fault };
    }
  }

  function settle(key: string, state: KeyState, outcome: Outcome): void {
    working -= 1;
    if (disposed) {
      pump();
      return;
    }
    const again = state.state === "working-again";
    state.state = "waiting";
    state.failures = outcome.type === "retry" ? state.failures + 1 : 0;
    state.looks = again ? state.looks + 1 : 0;
    if (again && state.looks < MOST_LOOKS_IN_A_ROW) {
      enqueue(key);
      return;
    }
    if (again) {
      log.error("a key is changed by each look at it: it waits", { key, looks: state.looks });
      state.looks = 0;
    }
    const delayMs = again ? FIRST_RETRY_MS : delayAfter(outcome, state.failures);
    if (delayMs === undefined) keys.delete(key);
    else state.timer = clock.after(delayMs, () => enqueue(key));
    pump();
  }

  function delayAfter(outcome: Outcome, failures: number): number | undefined {
    if (outcome.type === "again") return outcome.afterMs;
    if (outcome.type === "retry") return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
    return undefined;
  }

  return {
    enqueue,
    idle: () =>
      working === 0 && line.length === 0 ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve)),
    dispose() {
      disposed = true;
      for (const state of keys.values()) state.timer?.dispose();
      keys.clear();
      line.length = 0;
      pump();
    },
  };
}

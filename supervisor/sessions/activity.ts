/**
 * Sessions: live facts about running sessions that no record holds, and the streams of bytes that people follow. It
 * changes no state and starts nothing. cortex and main.ts import it.
 *
 * This file: who is working and who is idle. One timer for all, armed only while somebody works.
 */
import { IDLE_AFTER_MS, rawActivity } from "../core/activity.ts";
import { type Activity, hasEnded, type SessionRecord } from "../core/session.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { SessionActivity } from "../ports/live.ts";
import type { Store } from "../ports/store.ts";

export interface ActivityTracker extends SessionActivity, Disposable {
  /** Somebody typed into it. */
  noteInput(sessionId: string): void;
}

interface Heard {
  lastByteMs: number;
  activity: Activity;
}

export function trackActivity(parts: {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
}): ActivityTracker {
  const { store, hive, clock } = parts;
  const heard = new Map<string, Heard>();
  /**
   * When each session with an activity timeout last wrote, in the clock that stands while the machine sleeps. How long
   * the machine slept before this supervisor began is not known: from then on it counts anew, which ends nobody early.
   */
  const wroteAtAwakeMs = new Map<string, number>();
  const beganAwakeMs = clock.awakeMs();
  const listeners = new Set<(sessionId: string, activity: Activity) => void>();
  let timer: Disposable | undefined;
  let disposed = false;

  function note(sessionId: string, atMs: number): void {
    if (disposed) return;
    const known = heard.get(sessionId) ?? { lastByteMs: 0, activity: "idle" };
    known.lastByteMs = Math.max(known.lastByteMs, atMs);
    heard.set(sessionId, known);
    settle(sessionId, known);
    arm();
  }

  function settle(sessionId: string, known: Heard): void {
    // The wall clock may have been set back: a byte of the future would keep it working until then.
    known.lastByteMs = Math.min(known.lastByteMs, clock.now());
    const activity = rawActivity(known.lastByteMs, clock.now());
    // Only those that work are remembered.
    if (activity === "idle") heard.delete(sessionId);
    if (activity === known.activity) return;
    known.activity = activity;
    for (const listener of listeners) listener(sessionId, activity);
  }

  function arm(): void {
    if (timer !== undefined) return;
    if (heard.size === 0) return;
    const first = Math.min(...[...heard.values()].map((known) => known.lastByteMs));
    timer = clock.after(Math.max(1, first + IDLE_AFTER_MS - clock.now()), () => {
      timer = undefined;
      for (const [sessionId, known] of heard) settle(sessionId, known);
      arm();
    });
  }

  /** What came before this supervisor: the process host knows when each last wrote. */
  async function askHost(sessionId: string, attempt: number): Promise<void> {
    const seen = await hive.processes.observe({ sessionId, process: "main", attempt });
    // A host that cannot say tells of the next byte by itself; until then idle is what is known.
    const lastOutputMs = seen.ok ? (seen.value.process?.lastOutputMs ?? 0) : 0;
    if (lastOutputMs > 0 && isRunning(store.session(sessionId))) note(sessionId, lastOutputMs);
  }

  function askHostOfAll(): void {
    for (const session of store.sessions({ living: true })) {
      if (isRunning(session)) void askHost(session.id, session.observed.attempt);
    }
  }

  const sources = [
    hive.onHost(askHostOfAll),
    hive.onActivity((streams) => {
      for (const { key, lastOutputMs } of streams) {
        if (key.process !== "main" || lastOutputMs <= 0) continue;
        note(key.sessionId, lastOutputMs);
        if (store.session(key.sessionId)?.spec.activityTimeoutMs !== undefined) {
          wroteAtAwakeMs.set(key.sessionId, clock.awakeMs());
        }
      }
    }),
    store.onChange(({ sessionId }) => {
      if (sessionId === undefined) return;
      const session = store.session(sessionId);
      if (session === undefined || hasEnded(session.observed.phase)) heard.delete(sessionId);
      if (session === undefined || session.spec.activityTimeoutMs === undefined) wroteAtAwakeMs.delete(sessionId);
      // A start counts as a sign of life.
      else if (!isRunning(session)) wroteAtAwakeMs.set(sessionId, clock.awakeMs());
    }),
  ];
  askHostOfAll();
  return {
    of: (sessionId) => heard.get(sessionId)?.activity ?? "idle",
    // Raw commands: the clock runs always. Agents that tell of their turns will stop it.
    quietMs: (sessionId) => clock.awakeMs() - (wroteAtAwakeMs.get(sessionId) ?? beganAwakeMs),
    noteInput: (sessionId) => note(sessionId, clock.now()),
    onChange(listener) {
      listeners.add(listener);
      return { dispose: () => void listeners.delete(listener) };
    },
    dispose() {
      disposed = true;
      timer?.dispose();
      for (const source of sources) source.dispose();
    },
  };
}

function isRunning(session: SessionRecord | undefined): boolean {
  return session?.observed.phase === "RUNNING" || session?.observed.phase === "STOPPING";
}

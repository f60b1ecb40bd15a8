/**
 * Weaver: makes what is observed follow what is desired, one key at a time, by looking at everything anew in each tick.
 * Events only say where to look. It never talks to clients, never touches git, Docker or a process itself (ports do),
 * and holds no state that a restart would lose. main.ts and cortex may import it.
 */
import { waitsForChildren } from "../core/session.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { LogAudience, SessionActivity } from "../ports/live.ts";
import type { Store } from "../ports/store.ts";
import { type Admission, type AdmissionLimits, createAdmission } from "./admission.ts";
import { startLoop } from "./loop.ts";
import { createSessionController } from "./session-controller.ts";

export interface Weaver extends Disposable {
  /** Looks at the session soon. */
  look(sessionId: string): void;
  /** Looks at all of them: bounds have changed. */
  lookAtAll(): void;
  /** Resolves when nothing is in line or at work; timers may still be armed. */
  idle(): Promise<void>;
  readonly admission: Pick<Admission, "obstacle">;
}

export function startWeaver(parts: {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly log: Log;
  readonly activity: SessionActivity;
  readonly logReaders: LogAudience;
  readonly limits: () => AdmissionLimits;
}): Weaver {
  const { store, hive, clock, log, activity, logReaders } = parts;
  const admission = createAdmission(parts);
  const reconcile = createSessionController({ ...parts, admission });
  const loop = startLoop({ reconcile, clock, log });
  /** Those that wait for their children's end; whether it has come is looked at with each change. */
  const withChildren = new Set<string>();

  function changed(sessionId: string): void {
    const session = store.session(sessionId);
    if (session !== undefined && waitsForChildren(session)) withChildren.add(sessionId);
    else withChildren.delete(sessionId);
    loop.enqueue(sessionId);
    for (const parent of withChildren) if (parent !== sessionId) loop.enqueue(parent);
  }

  function lookAtAll(): void {
    for (const session of store.sessions()) if (session.hiveId === hive.id) changed(session.id);
  }

  const sources = [
    store.onChange(({ sessionId, event }) => {
      if (sessionId === undefined) return;
      changed(sessionId);
      // A place may have become free with it.
      if (event !== undefined) for (const next of admission.firstInLine()) loop.enqueue(next.id);
    }),
    hive.onExit((process) => loop.enqueue(process.key.sessionId)),
    hive.onHost(lookAtAll),
    logReaders.onNone((sessionId) => {
      if (store.session(sessionId)?.spec.removeWhenEnded === true) loop.enqueue(sessionId);
    }),
    activity.onChange((sessionId) => {
      if (store.session(sessionId)?.spec.activityTimeoutMs !== undefined) loop.enqueue(sessionId);
    }),
  ];
  lookAtAll();
  return {
    look: loop.enqueue,
    lookAtAll,
    idle: loop.idle,
    admission,
    dispose() {
      for (const source of sources) source.dispose();
      loop.dispose();
    },
  };
}

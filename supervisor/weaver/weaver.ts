/**
 * Weaver: makes what is observed follow what is desired, one key at a time, by looking at everything anew in each tick.
 * Events only say where to look. It never talks to clients, never touches git, Docker or a process itself (ports do),
 * and holds no state that a restart would lose. main.ts and cortex may import it.
 */
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";
import { startLoop } from "./loop.ts";
import { createSessionController } from "./session-controller.ts";

export interface Weaver extends Disposable {
  /** Looks at the session soon. */
  look(sessionId: string): void;
  /** Resolves when nothing is in line or at work; timers may still be armed. */
  idle(): Promise<void>;
}

export function startWeaver(parts: {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly log: Log;
}): Weaver {
  const { store, hive, clock, log } = parts;
  const reconcile = createSessionController(parts);
  const loop = startLoop({ reconcile, clock, log });
  const lookAtAll = () => {
    for (const session of store.sessions()) {
      if (session.hiveId === hive.id) loop.enqueue(session.id);
    }
  };
  const sources = [
    store.onChange((change) => {
      if (change.sessionId !== undefined) loop.enqueue(change.sessionId);
    }),
    hive.onExit((process) => loop.enqueue(process.key.sessionId)),
    hive.onHost(lookAtAll),
  ];
  lookAtAll();
  return {
    look: loop.enqueue,
    idle: loop.idle,
    dispose() {
      for (const source of sources) source.dispose();
      loop.dispose();
    },
  };
}

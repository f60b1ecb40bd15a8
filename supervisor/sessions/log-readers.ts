/** Who reads which session's log: one that is removed once it has ended is kept until they have read it. */
import type { Disposable } from "../ports/hive.ts";
import type { LogAudience } from "../ports/live.ts";

export interface LogReaders extends LogAudience {
  /** Somebody reads until the returned is disposed of. */
  begin(sessionId: string): Disposable;
}

export function createLogReaders(): LogReaders {
  const counts = new Map<string, number>();
  const listeners = new Set<(sessionId: string) => void>();
  return {
    count: (sessionId) => counts.get(sessionId) ?? 0,
    begin(sessionId) {
      counts.set(sessionId, (counts.get(sessionId) ?? 0) + 1);
      let reads = true;
      return {
        dispose() {
          if (!reads) return;
          reads = false;
          const left = (counts.get(sessionId) ?? 1) - 1;
          if (left > 0) {
            counts.set(sessionId, left);
            return;
          }
          counts.delete(sessionId);
          for (const listener of listeners) listener(sessionId);
        },
      };
    },
    onNone(listener) {
      listeners.add(listener);
      return { dispose: () => void listeners.delete(listener) };
    },
  };
}

/** CPU, memory and process count of the living sessions' trees: sampled when somebody looks, rarely when nobody does. */
import type { TreeUsage } from "../core/session.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";

/** Several who look within a second share one sample. */
const FRESH_MS = 1000;
/** Nobody looks: often enough that the first look has a CPU share to show, rare enough to cost nothing. */
const BACKGROUND_MS = 60_000;

export interface UsageSampler extends Disposable {
  /** A sample at most FRESH_MS old, by session id. Empty when the hive cannot tell. */
  sample(): Promise<ReadonlyMap<string, TreeUsage>>;
  /** The last sample, whatever its age. */
  last(): ReadonlyMap<string, TreeUsage>;
}

export function startUsageSampler(parts: {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly log: Log;
}): UsageSampler {
  const { store, hive, clock, log } = parts;
  let latest: ReadonlyMap<string, TreeUsage> = new Map();
  let takenAtMs = Number.NEGATIVE_INFINITY;
  let running: Promise<ReadonlyMap<string, TreeUsage>> | undefined;
  let timer: Disposable = clock.after(BACKGROUND_MS, background);

  function background(): void {
    timer = clock.after(BACKGROUND_MS, background);
    void sample();
  }

  async function take(): Promise<ReadonlyMap<string, TreeUsage>> {
    const sessions = store
      .sessions({ living: true })
      .flatMap((session) =>
        session.observed.main === undefined || session.observed.exit !== undefined
          ? []
          : [{ sessionId: session.id, main: session.observed.main }],
      );
    if (sessions.length === 0) return new Map();
    const usage = await hive.trees.usage(sessions);
    if (!usage.ok) {
      log.warn("resources could not be sampled", { fault: usage.fault });
      return latest;
    }
    return new Map(usage.value.map((one) => [one.sessionId, one]));
  }

  function sample(): Promise<ReadonlyMap<string, TreeUsage>> {
    if (running !== undefined) return running;
    if (clock.now() - takenAtMs < FRESH_MS) return Promise.resolve(latest);
    running = take()
      .then((taken) => {
        latest = taken;
        takenAtMs = clock.now();
        return taken;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  }

  return { sample, last: () => latest, dispose: () => timer.dispose() };
}

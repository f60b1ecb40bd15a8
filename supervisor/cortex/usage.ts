/** CPU, memory and process count of the living sessions' trees: sampled when somebody looks, rarely when nobody does. */
import type { TreeUsage } from "../core/session.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";

/** Several who look within a second share one sample. */
const FRESH_MS = 1000;
/** Whoever asks for I/O watches, and looks twice before the first rate is shown: no longer than the hive's shortest. */
const FRESH_IO_MS = 200;
/** Nobody looks: often enough that the first look has a CPU share to show, rare enough to cost nothing. */
const BACKGROUND_MS = 60_000;

export interface UsageSampler extends Disposable {
  /**
   * A sample at most FRESH_MS old (FRESH_IO_MS with `io`), by session id. Empty when the hive cannot tell. With `io` what the trees read and
   * write too, which costs a file of each process.
   */
  sample(options?: { readonly io?: boolean }): Promise<ReadonlyMap<string, TreeUsage>>;
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
  let hasIo = false;
  let running: { readonly io: boolean; readonly taken: Promise<ReadonlyMap<string, TreeUsage>> } | undefined;
  let timer: Disposable = clock.after(BACKGROUND_MS, background);

  function background(): void {
    timer = clock.after(BACKGROUND_MS, background);
    void sample();
  }

  async function take(io: boolean): Promise<ReadonlyMap<string, TreeUsage>> {
    const sessions = store
      .sessions({ living: true })
      .flatMap((session) =>
        session.observed.main === undefined || session.observed.exit !== undefined
          ? []
          : [{ sessionId: session.id, main: session.observed.main }],
      );
    if (sessions.length === 0) return new Map();
    const usage = await hive.trees.usage(sessions, { io });
    if (!usage.ok) {
      log.warn("resources could not be sampled", { fault: usage.fault });
      return latest;
    }
    return new Map(usage.value.map((one) => [one.sessionId, one]));
  }

  async function sample({ io = false } = {}): Promise<ReadonlyMap<string, TreeUsage>> {
    // One that is under way is shared; whoever asks for more than it brings comes after it.
    while (running !== undefined) {
      const { taken, io: bringsIo } = running;
      if (bringsIo || !io) return taken;
      await taken;
    }
    if (clock.now() - takenAtMs < (io ? FRESH_IO_MS : FRESH_MS) && (hasIo || !io)) return latest;
    const taken = take(io)
      .then((usage) => {
        latest = usage;
        takenAtMs = clock.now();
        hasIo = io;
        return usage;
      })
      .finally(() => {
        running = undefined;
      });
    running = { io, taken };
    return taken;
  }

  return { sample, last: () => latest, dispose: () => timer.dispose() };
}

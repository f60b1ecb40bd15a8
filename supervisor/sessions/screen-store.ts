/** Screens as they are kept: paintings in the store. */
import type { ScreenSnapshot } from "../core/session.ts";
import type { Log } from "../ports/clock.ts";
import type { Hive } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";
import type { ScreenReader } from "./screen-reader.ts";
import { extentOf } from "./screen-records.ts";

/** A shorter stream is read again as quickly as its painting. */
const WORTH_SAVING_BYTES = 64 << 10;

interface Parts {
  readonly store: Store;
  readonly hive: Hive;
  readonly log: Log;
}

/** The painting of this attempt, if the stream still reaches so far: the end of one may be lost with its machine. */
export async function storedScreen(
  { store, hive }: Parts,
  sessionId: string,
  attempt: number,
): Promise<ScreenSnapshot | undefined> {
  const stored = store.screen(sessionId);
  if (stored === undefined || stored.attempt !== attempt) return undefined;
  const extent = await extentOf(hive.streams, { sessionId, process: "main", attempt });
  return extent !== undefined && stored.offset <= extent.endOffset ? stored : undefined;
}

/** How much it is as text; 0 when it is not saved. */
export function saveScreen({ store, log }: Parts, reader: ScreenReader): number {
  if (reader.offset < WORTH_SAVING_BYTES) return 0;
  const { sessionId } = reader.key;
  try {
    const snapshot = reader.snapshot();
    store.saveScreen(sessionId, snapshot);
    return snapshot.ansi.length;
  } catch (error) {
    // Read again from what was saved before, or from the beginning: slower, and the same.
    log.warn("a screen could not be saved", { sessionId, error: String(error) });
    return 0;
  }
}

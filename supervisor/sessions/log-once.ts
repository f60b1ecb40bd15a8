/** Reads a session's log up to the end that it has when the reading begins. */
import { faultOf } from "../../schemas/fault.ts";
import type { Disposable, StreamExtent } from "../ports/hive.ts";
import { cutRecords } from "./cut-records.ts";
import { extentsOf, findPlace } from "./log-place.ts";
import {
  BATCH_BYTES,
  type LogEnd,
  type LogReading,
  type LogRequest,
  SETTLE_PATIENCE_MS,
  SETTLE_RECHECK_MS,
} from "./log-reading.ts";

export function readLogOnce(request: LogRequest): LogReading {
  const { streams, clock, log, session, sink } = request;
  let credit = request.creditBytes;
  let stopped = false;
  let timer: Disposable | undefined;
  /** Wakes the reading, which waits for credit or time. */
  let wake: () => void = () => {};

  async function read(): Promise<LogEnd | undefined> {
    await settled();
    const extents = await extentsOf(streams, session.id, request.process);
    if (!extents.ok) return "hive-lost";
    if (extents.value.length === 0) return gone() ?? "end";
    const place = await findPlace(streams, extents.value, request.from);
    if (!place.ok) return gone() ?? "hive-lost";
    for (const extent of extents.value) {
      const { attempt } = extent.key;
      if (attempt < place.value.attempt) continue;
      const cut = await readExtent(extent, attempt === place.value.attempt ? place.value.offset : 0);
      if (cut !== undefined || stopped) return cut;
    }
    return gone() ?? "end";
  }

  /** Undefined when all of it was sent. */
  async function readExtent({ key, firstOffset, endOffset }: StreamExtent, from: number): Promise<LogEnd | undefined> {
    let next = from;
    if (next < firstOffset) {
      next = firstOffset;
      sink.dropped(key.attempt, next);
    }
    while (next < endOffset) {
      await room();
      if (stopped) return undefined;
      const part = await streams.read(key, next, BATCH_BYTES);
      if (stopped) return undefined;
      if (!part.ok) return gone() ?? "hive-lost";
      const { offset } = part.value;
      // What came since is not asked for; the end is the end of a record.
      const bytes = part.value.bytes.subarray(0, Math.max(0, endOffset - offset));
      if (bytes.length === 0) return gone(); // Dropped while it was read.
      if (offset > next) sink.dropped(key.attempt, offset);
      next = offset;
      for (const piece of cutRecords(bytes, BATCH_BYTES)) {
        sink.data(key.attempt, next, piece);
        next += piece.length;
      }
      credit -= bytes.length;
    }
    return undefined;
  }

  function gone(): LogEnd | undefined {
    const state = session.state();
    return state === undefined || state.removing ? "removed" : undefined;
  }

  async function room(): Promise<void> {
    while (!stopped && (credit <= 0 || sink.saturated)) {
      if (sink.saturated) await sink.drained();
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }

  /** Of a session that has just ended the last transitions are still on their way into the log. */
  async function settled(): Promise<void> {
    const deadline = clock.now() + SETTLE_PATIENCE_MS;
    for (;;) {
      const state = session.state();
      if (stopped || state === undefined || !state.ended || state.settled || clock.now() >= deadline) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        timer = clock.after(SETTLE_RECHECK_MS, resolve);
      });
    }
  }

  return {
    begin() {
      if (stopped) return;
      void read()
        .catch((error: unknown): LogEnd => {
          log.error("a log could not be read", { sessionId: session.id, fault: faultOf(error) });
          return "hive-lost";
        })
        .then((reason) => {
          if (!stopped) sink.end(reason ?? "end");
          stopped = true;
        });
    },
    credit(bytes) {
      credit += bytes;
      wake();
    },
    dispose() {
      stopped = true;
      timer?.dispose();
      wake();
    },
  };
}

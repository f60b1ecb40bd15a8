/** Where in a session's streams a reading begins: attempts are one log, in their order. */
import { ok, type Result } from "../../schemas/fault.ts";
import { parseRecords, RecordKind, type StreamKey } from "../../schemas/segment.ts";
import type { StreamExtent, Streams } from "../ports/hive.ts";
import { BATCH_BYTES, type LogStart } from "./log-reading.ts";

export interface LogPlace {
  readonly attempt: number;
  readonly offset: number;
}

/** So many attempts are looked through for the last lines: a session that restarts all day has many that say little. */
const MOST_ATTEMPTS_BACK = 20;
const LINE_FEED = 0x0a;
const OUTPUT: ReadonlySet<number> = new Set([RecordKind.terminal, RecordKind.stdout, RecordKind.stderr]);

/** The streams of one process of a session that are on disk, in order of attempt; with `attempt` that one alone. */
export async function extentsOf(
  streams: Streams,
  sessionId: string,
  process: string,
  attempt?: number,
): Promise<Result<readonly StreamExtent[]>> {
  const listed = await streams.list(sessionId, attempt === undefined ? undefined : { process, attempt });
  if (!listed.ok) return listed;
  const ofProcess = listed.value.filter(
    ({ key }) => key.process === process && (attempt === undefined || key.attempt === attempt),
  );
  return ok(ofProcess.sort((a, b) => a.key.attempt - b.key.attempt));
}

/** `extents` holds one at least. */
export function findPlace(
  streams: Streams,
  extents: readonly StreamExtent[],
  from: LogStart,
): Promise<Result<LogPlace>> {
  if ("attempt" in from) return Promise.resolve(ok({ attempt: from.attempt, offset: from.offset }));
  if ("start" in from) return Promise.resolve(ok({ attempt: extents[0]?.key.attempt ?? 1, offset: 0 }));
  if ("sinceMs" in from) return placeOfTime(streams, extents, from.sinceMs);
  return placeOfLastLines(streams, extents, from.lines);
}

/** Backwards from the latest: most questions are about the last minutes. */
async function placeOfTime(
  streams: Streams,
  extents: readonly StreamExtent[],
  sinceMs: number,
): Promise<Result<LogPlace>> {
  let place: LogPlace = { attempt: 1, offset: 0 };
  for (const { key, firstOffset } of extents.toReversed()) {
    const offset = await streams.offsetOfTime(key, sinceMs);
    if (!offset.ok) return offset;
    place = { attempt: key.attempt, offset: offset.value };
    if (offset.value > firstOffset) break;
  }
  return ok(place);
}

async function placeOfLastLines(
  streams: Streams,
  extents: readonly StreamExtent[],
  lines: number,
): Promise<Result<LogPlace>> {
  let place: LogPlace = { attempt: 1, offset: 0 };
  let missing = lines;
  for (const { key, firstOffset, endOffset } of extents.toReversed().slice(0, MOST_ATTEMPTS_BACK)) {
    const offset = await streams.offsetOfLastLines(key, missing);
    if (!offset.ok) return offset;
    place = { attempt: key.attempt, offset: offset.value };
    if (offset.value > firstOffset || lines === 0) break;
    // All of this attempt: the rest of the lines, if any are missing, is in the one before.
    const counted = await countLines(streams, key, firstOffset, endOffset, missing);
    if (!counted.ok) return counted;
    missing -= counted.value;
    if (missing <= 0) break;
  }
  return ok(place);
}

/** Lines of output between two offsets, one that is not closed yet included; stops at `enough`. */
async function countLines(
  streams: Streams,
  key: StreamKey,
  from: number,
  to: number,
  enough: number,
): Promise<Result<number>> {
  let count = 0;
  let isOpen = false;
  let next = from;
  while (next < to && count < enough) {
    const part = await streams.read(key, next, BATCH_BYTES);
    if (!part.ok) return part;
    const { bytes, offset } = part.value;
    if (bytes.length === 0) break;
    for (const { kind, payload } of parseRecords(asBuffer(bytes), offset).records) {
      if (!OUTPUT.has(kind) || payload.length === 0) continue;
      count += countLineFeeds(payload);
      isOpen = payload.at(-1) !== LINE_FEED;
    }
    next = offset + bytes.length;
  }
  return ok(isOpen ? count + 1 : count);
}

function countLineFeeds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

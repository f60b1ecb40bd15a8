/** Places in a stream: its extent, its last lines, a time. Reads segments whole, one at a time; they are a few MiB. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  decodeSegmentHeader,
  parseRecords,
  parseStreamFolderName,
  RECORD_HEADER_BYTES,
  RecordKind,
  SEGMENT_HEADER_BYTES,
  type StreamKey,
  type StreamRecord,
  streamFolderName,
} from "../../schemas/segment.ts";
import type { StreamExtent } from "../ports/hive.ts";
import { ignoreMissing, segmentBases, segmentPath } from "./segment-files.ts";

const OUTPUT_KINDS: ReadonlySet<number> = new Set([RecordKind.terminal, RecordKind.stdout, RecordKind.stderr]);
const LINE_FEED = 10;

interface Segment {
  readonly base: number;
  readonly records: readonly StreamRecord[];
  /** Behind the last whole record. */
  readonly endOffset: number;
}

/** With `only` of that stream alone: a session that restarts all day has thousands. */
export async function extentsOf(
  logs: string,
  sessionId: string,
  only?: Pick<StreamKey, "process" | "attempt">,
): Promise<StreamExtent[]> {
  const folder = join(logs, sessionId);
  const names =
    only === undefined ? await readdir(folder).catch(ignoreMissing<string[]>([])) : [streamFolderName(only)];
  const extents = await Promise.all(
    names.map(async (name): Promise<StreamExtent[]> => {
      const parsed = parseStreamFolderName(name);
      if (parsed === undefined) return [];
      const stream = join(folder, name);
      const [first] = await segmentBases(stream);
      const last = first === undefined ? undefined : await lastSegment(stream);
      if (first === undefined || last === undefined) return [];
      return [{ key: { sessionId, ...parsed }, firstOffset: Math.min(first, last.base), endOffset: last.endOffset }];
    }),
  );
  return extents.flat().sort((a, b) => a.key.attempt - b.key.attempt || (a.key.process < b.key.process ? -1 : 1));
}

/** Where the last `lines` lines of output begin, at the record that holds the beginning of the first of them. */
export async function offsetOfLastLines(folder: string, lines: number): Promise<number> {
  const bases = await segmentBases(folder);
  let feeds = 0;
  let isLastByte = true;
  let offset: number | undefined;
  for (const base of bases.toReversed()) {
    const segment = await readSegment(folder, base);
    if (segment === undefined) break; // Dropped since: what is behind it is all that is left.
    offset ??= segment.endOffset;
    if (lines === 0) return offset;
    for (const record of segment.records.toReversed()) {
      if (!OUTPUT_KINDS.has(record.kind)) continue;
      for (let at = record.payload.length - 1; at >= 0; at -= 1) {
        // The feed at the very end closes the last line; it begins no other.
        if (record.payload[at] === LINE_FEED && !isLastByte) feeds += 1;
        isLastByte = false;
        if (feeds === lines) return at + 1 < record.payload.length ? record.offset : endOf(record);
      }
    }
    offset = base;
  }
  return offset ?? 0;
}

/** The first record at or after `timeMs`; the end when there is none. */
export async function offsetOfTime(folder: string, timeMs: number): Promise<number> {
  const bases = await segmentBases(folder);
  let offset: number | undefined;
  // From the end, for people ask of what was lately: the first segment that begins before the time decides.
  for (const base of bases.toReversed()) {
    const segment = await readSegment(folder, base);
    if (segment === undefined) break;
    const found = segment.records.find((record) => record.timeMs >= timeMs);
    if (found !== undefined) offset = found.offset;
    else offset ??= segment.endOffset;
    const [first] = segment.records;
    if (first !== undefined && first.timeMs < timeMs) break;
  }
  return offset ?? 0;
}

async function lastSegment(folder: string): Promise<Segment | undefined> {
  for (const base of (await segmentBases(folder)).toReversed()) {
    const segment = await readSegment(folder, base);
    if (segment !== undefined) return segment;
  }
  return undefined;
}

async function readSegment(folder: string, base: number): Promise<Segment | undefined> {
  const file = await readFile(segmentPath(folder, base)).catch(ignoreMissing(undefined));
  if (file === undefined) return undefined;
  // Its header is torn: the writer died in its first moment, and nothing is in it.
  if (decodeSegmentHeader(file) !== base) return { base, records: [], endOffset: base };
  const { records, consumed } = parseRecords(file.subarray(SEGMENT_HEADER_BYTES), base);
  return { base, records, endOffset: base + consumed };
}

function endOf(record: StreamRecord): number {
  return record.offset + RECORD_HEADER_BYTES + record.payload.length;
}

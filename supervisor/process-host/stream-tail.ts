/** What the end of a stream says that is opened again after its writer has gone. */
import { readFileSync } from "node:fs";
import {
  decodeSegmentHeader,
  type GapPayload,
  type MarkerPayload,
  parseRecords,
  RecordKind,
  SEGMENT_HEADER_BYTES,
} from "../../schemas/segment.ts";

export interface StreamTail {
  /** Bytes of whole records behind the segment's header; all that follows is torn. */
  readonly wholeBytes: number;
  /** False: the header itself is torn or not ours. Nothing behind it can be trusted. */
  readonly hasHeader: boolean;
  readonly nextSequence: number;
  /** Ids of the markers in the segment, in order. */
  readonly markerIds: readonly string[];
  readonly endsWithHostLost: boolean;
  /** Nothing but markers: no process has ever written to the stream. */
  readonly onlyMarkers: boolean;
}

/** Reads a whole segment (at most 4 MiB and a batch). Throws what the file system says. */
export function readTail(path: string, base: number): StreamTail {
  const file = readFileSync(path);
  const hasHeader = decodeSegmentHeader(file) === base;
  const { records, consumed } = parseRecords(hasHeader ? file.subarray(SEGMENT_HEADER_BYTES) : Buffer.alloc(0), base);
  const markerIds: string[] = [];
  for (const { kind, payload } of records) {
    const id = kind === RecordKind.marker ? parsePayload<MarkerPayload>(payload)?.id : undefined;
    if (typeof id === "string") markerIds.push(id);
  }
  const last = records.at(-1);
  return {
    wholeBytes: consumed,
    hasHeader,
    nextSequence: last === undefined ? 0 : last.sequence + 1,
    markerIds,
    endsWithHostLost: last?.kind === RecordKind.gap && parsePayload<GapPayload>(last.payload)?.reason === "host-lost",
    onlyMarkers: base === 0 && records.every(({ kind }) => kind === RecordKind.marker),
  };
}

function parsePayload<T>(payload: Uint8Array): Partial<T> | undefined {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8")) as Partial<T>;
  } catch {
    return undefined; // A record whose text is damaged is passed over; its place and length are whole.
  }
}

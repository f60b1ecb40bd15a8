/** Segment files as a reader sees them, while the process host appends to the last and drops the first. */
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  MAX_RECORD_BYTES,
  parseSegmentFileName,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  type StreamKey,
  segmentFileName,
  streamFolderName,
} from "../../schemas/segment.ts";
import type { StreamPart } from "../ports/hive.ts";

/** A segment may be dropped between our look and our reading it; more often than this in a row, something else is wrong. */
const MAX_LOOKS = 8;
const NOTHING = Buffer.alloc(0);

export function streamFolder(logs: string, key: StreamKey): string {
  return join(logs, key.sessionId, streamFolderName(key));
}

/** Base offsets of a stream's segments, in order; none when it has none. */
export async function segmentBases(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(ignoreMissing<string[]>([]));
  return names
    .map(parseSegmentFileName)
    .filter((base) => base !== undefined)
    .sort((a, b) => a - b);
}

export function segmentPath(folder: string, base: number): string {
  return join(folder, segmentFileName(base));
}

/** Where the whole records at the front of `bytes` end, and how long the one behind them is (0: not to be seen). */
function wholeRecords(bytes: Buffer): { readonly end: number; readonly nextBytes: number } {
  let at = 0;
  while (at + RECORD_HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at + 4);
    // What can be no record is a torn tail: the writer cuts it off before it appends.
    if (bytes[at] === 0 || length > MAX_RECORD_BYTES) return { end: at, nextBytes: 0 };
    const next = at + RECORD_HEADER_BYTES + length;
    if (next > bytes.length) return { end: at, nextBytes: next - at };
    at = next;
  }
  return { end: at, nextBytes: 0 };
}

/** Reads one stream forwards. Keeps the segment open that it is in; `close` it. */
export class SegmentReader {
  readonly #folder: string;
  #segment: { readonly base: number; readonly file: FileHandle } | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** As ports' Streams.read says: whole records, at most `maxBytes` but at least one; empty at the end. */
  async read(fromOffset: number, maxBytes: number): Promise<StreamPart> {
    let offset = fromOffset;
    for (let look = 0; look < MAX_LOOKS; look += 1) {
      const bytes = await this.#readHere(offset, maxBytes);
      if (bytes.length > 0) return { offset, bytes };
      const next = await this.#nextBase(offset);
      if (next === undefined) return { offset, bytes: NOTHING };
      if (next > offset) {
        // A next segment is begun only when the one before is whole, and our look at that one may have been older.
        const late = await this.#readHere(offset, maxBytes);
        if (late.length > 0) return { offset, bytes: late };
        // Later than asked for: what lay between has been dropped, or was torn off when its writer died.
        offset = next;
      }
      await this.#open(next);
    }
    return { offset, bytes: NOTHING };
  }

  async close(): Promise<void> {
    const file = this.#segment?.file;
    this.#segment = undefined;
    await file?.close();
  }

  async #readHere(offset: number, maxBytes: number): Promise<Buffer> {
    if (this.#segment === undefined || this.#segment.base > offset) return NOTHING;
    return readRecords(this.#segment.file, SEGMENT_HEADER_BYTES + offset - this.#segment.base, maxBytes);
  }

  /** The segment that holds `offset`, or the first one behind it; undefined when the present one is the last. */
  async #nextBase(offset: number): Promise<number | undefined> {
    const bases = await segmentBases(this.#folder);
    const holding = bases.findLast((base) => base <= offset);
    if (holding !== undefined && holding !== this.#segment?.base) return holding;
    return bases.find((base) => base > offset);
  }

  async #open(base: number): Promise<void> {
    await this.close();
    try {
      this.#segment = { base, file: await open(segmentPath(this.#folder, base), "r") };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // Dropped since: we look again.
    }
  }
}

async function readRecords(file: FileHandle, position: number, maxBytes: number): Promise<Buffer> {
  const bytes = await readAt(file, position, Math.max(maxBytes, RECORD_HEADER_BYTES));
  const { end, nextBytes } = wholeRecords(bytes);
  if (end > 0) return bytes.subarray(0, end);
  if (nextBytes <= bytes.length || bytes.length < Math.max(maxBytes, RECORD_HEADER_BYTES)) return NOTHING;
  // One record that is longer than what was asked for.
  const whole = await readAt(file, position, nextBytes);
  return wholeRecords(whole).end === nextBytes ? whole : NOTHING;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

export function ignoreMissing<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return otherwise;
    throw error;
  };
}

/**
 * The record format of a session's output. One stream is one process of one session at one attempt; it is a sequence
 * of records, numbered by byte offset from 0, cut into segment files. The bytes on the wire are the bytes in the file:
 * whoever reads a stream, from disk or from a socket, parses it with this file.
 *
 * Segment file:  16-byte header, then whole records.
 *   0  8 bytes  magic "OVMSEG1\n"
 *   8  float64  base offset: the stream offset of the first record in this file (little endian, as all numbers here)
 * Record:        16-byte header, then `length` bytes.
 *   0  uint8    kind (RecordKind); never 0, so that a tail of zeros is known to be torn
 *   1  uint8    flags, 0 today; a reader ignores those it does not know
 *   2  uint16   process-local counter of the record, modulo 65536, to find a lost or doubled record
 *   4  uint32   length of the payload in bytes, at most MAX_RECORD_BYTES
 *   8  float64  time in milliseconds since 1970-01-01 UTC
 * A segment may hold no record: it is new, or all that a stream held was dropped and its base offset says how much.
 * File name:     <base offset as 16 decimal digits>.seg in <logs>/<session id>/<encoded process name>@<attempt>/
 */

const SEGMENT_MAGIC = "OVMSEG1\n";
export const SEGMENT_HEADER_BYTES = 16;
export const RECORD_HEADER_BYTES = 16;
/** Bounds what a reader must hold in memory at once. A pty read is at most 64 KiB. */
export const MAX_RECORD_BYTES = 1 << 20;

/** What a record holds. Numbers are on disk: never renumber, only add. */
export const RecordKind = {
  /** Bytes that the program wrote to its pty. */
  terminal: 1,
  stdout: 2,
  stderr: 3,
  /** Bytes that went to the program's stdin; on pipes only, for a pty echoes what it likes. */
  stdin: 4,
  /** UTF-8 JSON, MarkerPayload. */
  marker: 5,
  /** UTF-8 JSON, ExitPayload: how the main process ended. */
  exit: 6,
  /** UTF-8 JSON, GapPayload: bytes that were produced and are not in the stream. */
  gap: 7,
  /** UTF-8 JSON, ResizePayload: the size of the terminal from here on. The first stands before all output. */
  resize: 8,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** Something that happened to the session, put in its place in the stream. `id` makes a second append harmless. */
export interface MarkerPayload {
  /** `transition:<number>` or `message:<id>`: unique in the stream. */
  readonly id: string;
  readonly marker: "transition" | "message";
  readonly text: string;
}

export interface ExitPayload {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** Signal name such as SIGKILL, or null. */
  readonly signal: string | null;
}

export interface GapPayload {
  /** How many bytes are missing, or null when nobody can know (the process host died). */
  readonly bytes: number | null;
  readonly reason: "disk-full" | "host-lost";
}

export interface ResizePayload {
  readonly columns: number;
  readonly rows: number;
}

export interface StreamRecord {
  /** Offset of the record's header in the stream. */
  readonly offset: number;
  readonly kind: number;
  readonly sequence: number;
  readonly timeMs: number;
  /** A view into the parsed buffer: copy it to keep it. */
  readonly payload: Uint8Array;
}

/** Writes a record's header into `target` at `at`. */
export function writeRecordHeader(
  target: Buffer,
  at: number,
  record: { readonly kind: number; readonly sequence: number; readonly length: number; readonly timeMs: number },
): void {
  target[at] = record.kind;
  target[at + 1] = 0;
  target.writeUInt16LE(record.sequence & 0xffff, at + 2);
  target.writeUInt32LE(record.length, at + 4);
  target.writeDoubleLE(record.timeMs, at + 8);
}

/**
 * Reads the whole records at the front of `bytes`. `consumed` is where the first incomplete one begins; `corrupt` is
 * true when what stands there can be no record, however many bytes follow.
 */
export function parseRecords(
  bytes: Buffer,
  offset: number,
): { readonly records: StreamRecord[]; readonly consumed: number; readonly corrupt: boolean } {
  const records: StreamRecord[] = [];
  let at = 0;
  while (at + RECORD_HEADER_BYTES <= bytes.length) {
    const kind = bytes[at] ?? 0;
    const length = bytes.readUInt32LE(at + 4);
    if (kind === 0 || length > MAX_RECORD_BYTES) return { records, consumed: at, corrupt: true };
    const end = at + RECORD_HEADER_BYTES + length;
    if (end > bytes.length) break;
    records.push({
      offset: offset + at,
      kind,
      sequence: bytes.readUInt16LE(at + 2),
      timeMs: bytes.readDoubleLE(at + 8),
      payload: bytes.subarray(at + RECORD_HEADER_BYTES, end),
    });
    at = end;
  }
  return { records, consumed: at, corrupt: false };
}

export function encodeSegmentHeader(baseOffset: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.write(SEGMENT_MAGIC, 0, "latin1");
  header.writeDoubleLE(baseOffset, 8);
  return header;
}

/** The base offset in a segment file's header, or undefined when it is none of ours. */
export function decodeSegmentHeader(header: Buffer): number | undefined {
  if (header.length < SEGMENT_HEADER_BYTES || header.toString("latin1", 0, 8) !== SEGMENT_MAGIC) return undefined;
  const base = header.readDoubleLE(8);
  return Number.isSafeInteger(base) && base >= 0 ? base : undefined;
}

export function segmentFileName(baseOffset: number): string {
  return `${String(baseOffset).padStart(16, "0")}.seg`;
}

/** The base offset that a segment's file name says, or undefined for any other file. */
export function parseSegmentFileName(name: string): number | undefined {
  const match = /^(\d{16})\.seg$/.exec(name);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** One process of one session at one attempt: what a stream belongs to. */
export interface StreamKey {
  readonly sessionId: string;
  /** `main`; later `setup`, `service:web`, `screen:1`. */
  readonly process: string;
  /** Counts from 1. */
  readonly attempt: number;
}

export function streamFolderName(key: Pick<StreamKey, "process" | "attempt">): string {
  return `${encodeURIComponent(key.process)}@${key.attempt}`;
}

export function parseStreamFolderName(name: string): Pick<StreamKey, "process" | "attempt"> | undefined {
  const match = /^(.+)@(\d{1,9})$/.exec(name);
  if (match?.[1] === undefined) return undefined;
  try {
    return { process: decodeURIComponent(match[1]), attempt: Number(match[2]) };
  } catch {
    return undefined; // Not a name of ours: a stray file in the folder must not stop a listing.
  }
}

export function streamId(key: StreamKey): string {
  return `${key.sessionId}/${streamFolderName(key)}`;
}

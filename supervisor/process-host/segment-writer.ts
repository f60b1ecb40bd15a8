/**
 * One stream on disk. A record is written the moment its bytes were read, header and payload in one call, so that a
 * kill of this process loses only what the pty still held. A disk that refuses is no reason to stop a program: output
 * is dropped and counted, what must not be lost (exit, markers) is kept, and both are written when there is space again.
 */
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import {
  type ExitPayload,
  encodeSegmentHeader,
  type GapPayload,
  type MarkerPayload,
  RECORD_HEADER_BYTES,
  RecordKind,
  type ResizePayload,
  SEGMENT_HEADER_BYTES,
  type StreamKey,
  segmentFileName,
  streamId,
  writeRecordHeader,
} from "../../schemas/segment.ts";
import type { LogShelf, ShelvedStream } from "./log-shelf.ts";
import { describeError, report } from "./report.ts";
import { readTail, type StreamTail } from "./stream-tail.ts";

/** The disk is tried again at the next output, but no more often than this; and at least so often. */
export const DISK_RETRY_MS = 250;
/** Ids of the last markers of a stream: a supervisor repeats only what it wrote just before it died. */
const MAX_MARKER_IDS = 256;
/** Records kept for a disk that is full. More markers are refused, which the supervisor repeats at its next start. */
const MAX_KEPT_RECORDS = 256;
/** A read from a pty or pipe is at most this long; what is longer (pasted input) gets a buffer of its own. */
const SCRATCH_BYTES = RECORD_HEADER_BYTES + (64 << 10);
const OUTPUT_KINDS: ReadonlySet<number> = new Set([RecordKind.terminal, RecordKind.stdout, RecordKind.stderr]);

/** Shared by all streams: writing is synchronous. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

export interface WriterEvents {
  /** A whole record is on disk. `record` is valid during the call alone. */
  onRecord(writer: SegmentWriter, offset: number, record: Buffer, timeMs: number): void;
  /** The disk has refused a record: call `retry` from time to time. */
  onDiskFull(writer: SegmentWriter): void;
}

interface KeptRecord {
  readonly kind: number;
  readonly payload: Buffer;
  readonly timeMs: number;
}

export class SegmentWriter {
  readonly key: StreamKey;
  readonly id: string;
  readonly #shelf: LogShelf;
  readonly #stream: ShelvedStream;
  readonly #events: WriterEvents;
  #file: number | undefined;
  #base = 0;
  #endOffset = 0;
  #sequence = 0;
  #lastOutputMs = 0;
  #markerIds: Set<string> | undefined;
  #endsWithHostLost = false;
  #droppedBytes = 0;
  #kept: KeptRecord[] = [];
  #diskIsFull = false;
  #retryAtMs = 0;
  #closing = false;

  private constructor(shelf: LogShelf, stream: ShelvedStream, key: StreamKey, events: WriterEvents) {
    this.key = key;
    this.id = streamId(key);
    this.#shelf = shelf;
    this.#stream = stream;
    this.#events = events;
  }

  /** Opens the stream, or makes it. Throws what the file system says. `onlyMarkers`: no process has written to it yet. */
  static open(
    shelf: LogShelf,
    key: StreamKey,
    events: WriterEvents,
  ): { readonly writer: SegmentWriter; readonly onlyMarkers: boolean } {
    const stream = shelf.stream(key);
    const writer = new SegmentWriter(shelf, stream, key, events);
    const last = stream.segments.at(-1);
    if (last === undefined) {
      writer.#openSegment(0, Date.now());
      return { writer, onlyMarkers: true };
    }
    const path = join(stream.path, segmentFileName(last.base));
    const tail = readTail(path, last.base);
    const previous = tail.wholeBytes === 0 ? stream.segments.at(-2) : undefined;
    const before =
      previous === undefined ? tail : readTail(join(stream.path, segmentFileName(previous.base)), previous.base);
    writer.#file = openSync(path, "r+");
    stream.open = true;
    try {
      writer.#goOnAt(last.base, last.bytes, { ...before, wholeBytes: tail.wholeBytes, hasHeader: tail.hasHeader });
    } catch (error) {
      writer.#closeFile();
      throw error;
    }
    return { writer, onlyMarkers: tail.onlyMarkers };
  }

  /** Behind the last record on disk. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Time of the last output of the program itself, or 0. */
  get lastOutputMs(): number {
    return this.#lastOutputMs;
  }

  /** Output (and on pipes input) of the program. Never fails. */
  append(kind: number, payload: Buffer): void {
    const nowMs = Date.now();
    if (OUTPUT_KINDS.has(kind)) this.#lastOutputMs = nowMs;
    if (!this.#put(kind, payload, nowMs)) this.#droppedBytes += payload.length;
  }

  /** A record that must not be lost. */
  appendKept(kind: number, value: ExitPayload | GapPayload | MarkerPayload | ResizePayload): void {
    const nowMs = Date.now();
    const payload = Buffer.from(JSON.stringify(value));
    if (!this.#put(kind, payload, nowMs)) this.#keep({ kind, payload, timeMs: nowMs });
  }

  /** False: it is not known to be there, and cannot be kept either. A repeated marker is there already. */
  appendMarker(marker: MarkerPayload): boolean {
    if (this.#markerIds?.has(marker.id) === true) return true;
    if (this.#kept.length >= MAX_KEPT_RECORDS) return false;
    this.appendKept(RecordKind.marker, marker);
    this.#rememberMarker(marker.id);
    return true;
  }

  appendGap(gap: GapPayload): void {
    if (gap.reason === "host-lost" && this.#endsWithHostLost) return;
    this.appendKept(RecordKind.gap, gap);
    this.#endsWithHostLost = gap.reason === "host-lost";
  }

  /** Something is not on disk that should be. */
  get isDiskFull(): boolean {
    return this.#diskIsFull;
  }

  /** Tries the disk again. True: everything kept is written. */
  retry(): boolean {
    return !this.#diskIsFull || this.#tryAgain(Date.now());
  }

  /** What is on disk from `fromOffset` to the end, when all of it lies in the present segment; else undefined. */
  readBack(fromOffset: number): Buffer | undefined {
    if (this.#file === undefined || fromOffset < this.#base) return undefined;
    const bytes = Buffer.allocUnsafe(this.#endOffset - fromOffset);
    const at = SEGMENT_HEADER_BYTES + fromOffset - this.#base;
    return readSync(this.#file, bytes, 0, bytes.length, at) === bytes.length ? bytes : undefined;
  }

  /** With a full disk the file stays open until what is kept is written. */
  close(): void {
    if (this.#diskIsFull) this.#closing = true;
    else this.#closeFile();
  }

  /** Gives up what a full disk kept it from writing. */
  abandon(): void {
    this.#diskIsFull = false;
    this.#kept = [];
    this.#closeFile();
  }

  /** Removes a stream that was opened for a start that failed. */
  discard(): void {
    this.abandon();
    if (this.#endOffset === 0) this.#shelf.discard(this.#stream);
  }

  #goOnAt(base: number, fileBytes: number, tail: StreamTail): void {
    const wholeBytes = SEGMENT_HEADER_BYTES + tail.wholeBytes;
    const file = this.#file;
    if (file === undefined) return;
    if (fileBytes !== wholeBytes || !tail.hasHeader) ftruncateSync(file, tail.hasHeader ? wholeBytes : 0);
    if (!tail.hasHeader) writeSync(file, encodeSegmentHeader(base), 0, SEGMENT_HEADER_BYTES, 0);
    this.#shelf.grew(this.#stream, wholeBytes - fileBytes, Date.now());
    this.#base = base;
    this.#endOffset = base + tail.wholeBytes;
    this.#sequence = tail.nextSequence;
    this.#endsWithHostLost = tail.endsWithHostLost;
    for (const id of tail.markerIds) this.#rememberMarker(id);
  }

  #put(kind: number, payload: Buffer, nowMs: number): boolean {
    return (!this.#diskIsFull || this.#tryAgain(nowMs)) && this.#write(kind, payload, nowMs);
  }

  /** One record to disk, whole or not at all. */
  #write(kind: number, payload: Buffer, timeMs: number): boolean {
    const length = RECORD_HEADER_BYTES + payload.length;
    const record = length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafe(length);
    writeRecordHeader(record, 0, { kind, sequence: this.#sequence, length: payload.length, timeMs });
    payload.copy(record, RECORD_HEADER_BYTES);
    const held = this.#endOffset - this.#base;
    try {
      const isFull = held > 0 && SEGMENT_HEADER_BYTES + held + length > this.#shelf.segmentBytes;
      if (this.#file === undefined || isFull) this.#openSegment(this.#endOffset, timeMs);
      this.#writeWhole(record, length);
    } catch (error) {
      this.#refused(error, timeMs);
      return false;
    }
    const offset = this.#endOffset;
    this.#endOffset += length;
    this.#sequence += 1;
    this.#endsWithHostLost = false;
    this.#shelf.grew(this.#stream, length, timeMs);
    this.#events.onRecord(this, offset, length === record.length ? record : record.subarray(0, length), timeMs);
    return true;
  }

  #writeWhole(record: Buffer, length: number): void {
    const file = this.#file;
    if (file === undefined) throw new Error("no segment is open");
    const at = SEGMENT_HEADER_BYTES + this.#endOffset - this.#base;
    let written = 0;
    try {
      while (written < length) {
        const taken = writeSync(file, record, written, length - written, at + written);
        if (taken === 0) throw new Error("the file takes no bytes");
        written += taken;
      }
    } catch (error) {
      if (written > 0) cutBack(file, at);
      throw error;
    }
  }

  #openSegment(base: number, nowMs: number): void {
    this.#closeFile();
    this.#shelf.makeFolder(this.#stream);
    const path = join(this.#stream.path, segmentFileName(base));
    const file = openSync(path, "wx+", 0o600);
    try {
      writeSync(file, encodeSegmentHeader(base), 0, SEGMENT_HEADER_BYTES, 0);
    } catch (error) {
      closeSync(file);
      unlinkSync(path);
      throw error;
    }
    this.#file = file;
    this.#base = base;
    this.#stream.open = true;
    this.#shelf.addSegment(this.#stream, base, SEGMENT_HEADER_BYTES, nowMs);
  }

  #closeFile(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    this.#stream.open = false;
  }

  #refused(error: unknown, nowMs: number): void {
    this.#retryAtMs = nowMs + DISK_RETRY_MS;
    if (this.#diskIsFull) return;
    this.#diskIsFull = true;
    report(`${this.id}: the log cannot be written, output is dropped until it can: ${describeError(error)}`);
    this.#events.onDiskFull(this);
  }

  #keep(record: KeptRecord): void {
    if (record.kind === RecordKind.resize) this.#kept = this.#kept.filter(({ kind }) => kind !== RecordKind.resize);
    this.#kept.push(record);
  }

  /** Writes the gap and what was kept, in order. False when the disk refuses again; what it took is not repeated. */
  #tryAgain(nowMs: number): boolean {
    if (nowMs < this.#retryAtMs) return false;
    if (this.#droppedBytes > 0) {
      const gap: GapPayload = { bytes: this.#droppedBytes, reason: "disk-full" };
      if (!this.#write(RecordKind.gap, Buffer.from(JSON.stringify(gap)), nowMs)) return false;
      this.#droppedBytes = 0;
    }
    for (let record = this.#kept[0]; record !== undefined; record = this.#kept[0]) {
      if (!this.#write(record.kind, record.payload, record.timeMs)) return false;
      this.#kept.shift();
    }
    this.#diskIsFull = false;
    report(`${this.id}: the log is written again`);
    if (this.#closing) this.#closeFile();
    return true;
  }

  #rememberMarker(id: string): void {
    this.#markerIds ??= new Set();
    this.#markerIds.add(id);
    if (this.#markerIds.size <= MAX_MARKER_IDS) return;
    const [oldest] = this.#markerIds;
    if (oldest !== undefined) this.#markerIds.delete(oldest);
  }
}

/** A short write has left part of a record. Should the cut fail too, the next record is written over it. */
function cutBack(file: number, bytes: number): void {
  try {
    ftruncateSync(file, bytes);
  } catch (error) {
    report(`cannot cut back a torn record: ${describeError(error)}`);
  }
}

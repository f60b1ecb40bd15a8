/** Segment files as a process host writes them, for tests of those who read them. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  encodeSegmentHeader,
  RECORD_HEADER_BYTES,
  RecordKind,
  type StreamKey,
  segmentFileName,
  streamFolderName,
  writeRecordHeader,
} from "../../schemas/segment.ts";

export interface WrittenRecord {
  readonly kind?: number;
  readonly text: string | Buffer;
  readonly timeMs?: number;
}

export class StreamOnDisk {
  readonly folder: string;
  #base = 0;
  #endOffset = 0;
  #sequence = 0;

  constructor(logs: string, key: StreamKey, base = 0) {
    this.folder = join(logs, key.sessionId, streamFolderName(key));
    mkdirSync(this.folder, { recursive: true });
    this.#endOffset = base;
    this.nextSegment();
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get path(): string {
    return join(this.folder, segmentFileName(this.#base));
  }

  /** Returns its offset. */
  append({ kind = RecordKind.terminal, text, timeMs = 1 }: WrittenRecord): number {
    const payload = Buffer.from(text as string);
    const record = Buffer.alloc(RECORD_HEADER_BYTES + payload.length);
    writeRecordHeader(record, 0, { kind, sequence: this.#sequence, length: payload.length, timeMs });
    payload.copy(record, RECORD_HEADER_BYTES);
    appendFileSync(this.path, record);
    const offset = this.#endOffset;
    this.#sequence += 1;
    this.#endOffset += record.length;
    return offset;
  }

  /** Part of a record, as a writer that was killed leaves it. */
  tear(): void {
    appendFileSync(this.path, Buffer.from([RecordKind.terminal, 0, 0, 0, 100, 0, 0, 0, 1, 2, 3]));
  }

  /** Later offsets lie in another file; `skip` bytes between the two are missing. */
  nextSegment(skip = 0): void {
    this.#endOffset += skip;
    this.#base = this.#endOffset;
    writeFileSync(this.path, encodeSegmentHeader(this.#base));
  }
}

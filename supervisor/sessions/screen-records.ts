/** Records that have come and are not drawn yet. */
import { parseRecords, type ResizePayload, type StreamKey, type StreamRecord } from "../../schemas/segment.ts";
import type { StreamPart, Streams } from "../ports/hive.ts";
import { extentsOf } from "./log-place.ts";
import type { TerminalSize } from "./terminal-emulator.ts";

/** Credit is given back in such portions: one small message for many keystrokes. */
const PORTION_BYTES = 128 << 10;

interface Part {
  readonly records: readonly StreamRecord[];
  readonly bytes: number;
  next: number;
}

export class RecordQueue {
  readonly #parts: Part[] = [];
  #usedBytes = 0;

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  add({ offset, bytes }: StreamPart): void {
    const { records } = parseRecords(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset);
    if (records.length > 0) this.#parts.push({ records, bytes: bytes.length, next: 0 });
  }

  take(): StreamRecord | undefined {
    const part = this.#parts[0];
    const record = part?.records[part.next];
    if (part === undefined || record === undefined) return undefined;
    part.next += 1;
    if (part.next === part.records.length) {
      this.#parts.shift();
      this.#usedBytes += part.bytes;
    }
    return record;
  }

  /** What was sent and has been used, once it is worth a message. */
  takeCredit(): number {
    if (this.#usedBytes < PORTION_BYTES) return 0;
    const bytes = this.#usedBytes;
    this.#usedBytes = 0;
    return bytes;
  }

  clear(): void {
    this.#parts.length = 0;
  }
}

/** Undefined when nothing of it is on disk, or nobody can say. */
export async function extentOf(streams: Streams, { sessionId, process, attempt }: StreamKey) {
  const extents = await extentsOf(streams, sessionId, process, attempt);
  return extents.ok ? extents.value[0] : undefined;
}

/** Of a record of the kind `resize`. */
export function sizeOf({ payload }: StreamRecord): TerminalSize {
  const { columns, rows } = JSON.parse(Buffer.from(payload).toString("utf8")) as ResizePayload;
  return { columns, rows };
}

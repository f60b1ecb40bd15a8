/** A session's log as it lies on disk, read without the supervisor. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeSegmentHeader,
  parseRecords,
  RecordKind,
  SEGMENT_HEADER_BYTES,
  type StreamRecord,
} from "../../schemas/segment.ts";

/** All records of the session's main process at an attempt. Throws on a hole, a torn record or a foreign file. */
export function recordsOnDisk(logs: string, sessionId: string, attempt = 1): StreamRecord[] {
  const folder = join(logs, sessionId, `main@${attempt}`);
  let expected: number | undefined;
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const file = readFileSync(join(folder, name));
      const base = decodeSegmentHeader(file);
      if (base === undefined) throw new Error(`${name} is no segment`);
      if (expected !== undefined && base !== expected)
        throw new Error(`${name} begins at ${base}, expected ${expected}`);
      const { records, consumed } = parseRecords(file.subarray(SEGMENT_HEADER_BYTES), base);
      if (consumed !== file.length - SEGMENT_HEADER_BYTES) throw new Error(`${name} has a torn record at ${consumed}`);
      expected = base + consumed;
      return records;
    });
}

/** What the program wrote to its terminal, with the terminal's CR LF as it was written. */
export function outputOnDisk(records: readonly StreamRecord[]): string {
  const bytes = records
    .filter((record) => record.kind === RecordKind.terminal)
    .map((record) => Buffer.from(record.payload));
  return Buffer.concat(bytes).toString("latin1").replaceAll("\r\n", "\n");
}

export function payloadsOnDisk<T>(records: readonly StreamRecord[], kind: number): T[] {
  return records
    .filter((record) => record.kind === kind)
    .map((record) => JSON.parse(Buffer.from(record.payload).toString("utf8")) as T);
}

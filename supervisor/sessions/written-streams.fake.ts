/** The port of streams over what a test writes: in memory, or in real segment files. It answers later, as a hive does. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok } from "../../schemas/fault.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseRecords,
  parseSegmentFileName,
  parseStreamFolderName,
  RECORD_HEADER_BYTES,
  RecordKind,
  SEGMENT_HEADER_BYTES,
  type StreamKey,
  type StreamRecord,
  segmentFileName,
  streamFolderName,
  streamId,
  writeRecordHeader,
} from "../../schemas/segment.ts";
import type { StreamFollower, Streams } from "../ports/hive.ts";

/** What a test does to the streams of one session. */
export interface WrittenStreams extends Streams {
  write(
    attempt: number,
    text: string,
    options?: { readonly kind?: number; readonly timeMs?: number; readonly process?: string },
  ): void;
  /** Drops the oldest records (of files: segments) that end at or before `offset`. */
  drop(attempt: number, offset: number): void;
  /** The session was removed or the hive is gone: followers are told. */
  endFollowers(): void;
  /** Streams that somebody follows now, and what each may still be sent. */
  followed(): readonly { readonly attempt: number; readonly credit: number }[];
}

interface Shelf {
  keys(): StreamKey[];
  read(key: StreamKey): { readonly base: number; readonly bytes: Buffer };
  append(key: StreamKey, record: Buffer): void;
  drop(key: StreamKey, offset: number): void;
}

const SESSION = "session";

export function memoryStreams(): WrittenStreams {
  const streams = new Map<string, { key: StreamKey; base: number; bytes: Buffer }>();
  return writtenStreams({
    keys: () => [...streams.values()].map(({ key }) => key),
    read: (key) => streams.get(streamId(key)) ?? { base: 0, bytes: Buffer.alloc(0) },
    append(key, record) {
      const stream = streams.get(streamId(key)) ?? { key, base: 0, bytes: Buffer.alloc(0) };
      streams.set(streamId(key), { ...stream, bytes: Buffer.concat([stream.bytes, record]) });
    },
    drop(key, offset) {
      const stream = streams.get(streamId(key));
      if (stream === undefined) return;
      const kept = parseRecords(stream.bytes, stream.base).records.find((record) => endOfRecord(record) > offset);
      const base = kept?.offset ?? stream.base + stream.bytes.length;
      streams.set(streamId(key), { key, base, bytes: stream.bytes.subarray(base - stream.base) });
    },
  });
}

/** Real files as the process host writes them, in segments of a few records. */
export function fileStreams(logs: string, segmentBytes = 200): WrittenStreams {
  const folderOf = (key: StreamKey) => join(logs, key.sessionId, streamFolderName(key));
  const segmentsOf = (key: StreamKey) =>
    (existsSync(folderOf(key)) ? readdirSync(folderOf(key)) : [])
      .sort()
      .map((name) => ({ base: parseSegmentFileName(name) ?? Number.NaN, path: join(folderOf(key), name) }));
  return writtenStreams({
    keys: () =>
      readdirSync(join(logs, SESSION)).flatMap((name) => {
        const parsed = parseStreamFolderName(name);
        return parsed === undefined ? [] : [{ sessionId: SESSION, ...parsed }];
      }),
    read(key) {
      const segments = segmentsOf(key).map(({ base, path }) => {
        const file = readFileSync(path);
        if (decodeSegmentHeader(file) !== base) throw new Error(`${path} does not say its base`);
        return file.subarray(SEGMENT_HEADER_BYTES);
      });
      return { base: segmentsOf(key)[0]?.base ?? 0, bytes: Buffer.concat(segments) };
    },
    append(key, record) {
      mkdirSync(folderOf(key), { recursive: true });
      const last = segmentsOf(key).at(-1);
      const length = last === undefined ? 0 : readFileSync(last.path).length - SEGMENT_HEADER_BYTES;
      if (last !== undefined && length < segmentBytes) {
        writeFileSync(last.path, record, { flag: "a" });
        return;
      }
      const base = last === undefined ? 0 : last.base + length;
      writeFileSync(join(folderOf(key), segmentFileName(base)), Buffer.concat([encodeSegmentHeader(base), record]));
    },
    drop(key, offset) {
      const segments = segmentsOf(key);
      for (const [index, { path }] of segments.entries()) {
        const next = segments[index + 1];
        if (next !== undefined && next.base <= offset) rmSync(path);
      }
    },
  });
}

interface Following {
  readonly key: StreamKey;
  readonly follower: StreamFollower;
  next: number;
  credit: number;
}

function writtenStreams(shelf: Shelf): WrittenStreams {
  const following = new Set<Following>();
  const sequences = new Map<string, number>();
  const endOf = (key: StreamKey) => shelf.read(key).base + shelf.read(key).bytes.length;
  const main = (attempt: number, process = "main"): StreamKey => ({ sessionId: SESSION, process, attempt });

  /** Whole records from an offset on: at least one, else at most so many bytes. */
  function part(key: StreamKey, fromOffset: number, mostBytes: number) {
    const { base, bytes } = shelf.read(key);
    const offset = Math.max(fromOffset, base);
    let end = offset;
    for (const record of parseRecords(bytes.subarray(offset - base), offset).records) {
      const after = endOfRecord(record);
      if (after - offset > mostBytes && end > offset) break;
      end = after;
    }
    return { offset, bytes: new Uint8Array(bytes.subarray(offset - base, end - base)) };
  }

  function pump(one: Following): void {
    queueMicrotask(() => {
      if (!following.has(one) || one.credit <= 0 || one.next >= endOf(one.key)) return;
      const sent = part(one.key, one.next, Math.min(one.credit, 1 << 20));
      if (sent.bytes.length === 0) throw new Error(`no record begins at ${one.next}`);
      if (sent.offset > one.next) one.follower.onDropped(sent.offset);
      one.next = sent.offset + sent.bytes.length;
      one.credit -= sent.bytes.length;
      one.follower.onData(sent);
      pump(one);
    });
  }

  function records(key: StreamKey): StreamRecord[] {
    const { base, bytes } = shelf.read(key);
    return parseRecords(bytes, base).records;
  }

  return {
    write(attempt, text, { kind = RecordKind.terminal, timeMs = 1000, process } = {}) {
      const key = main(attempt, process);
      const payload = Buffer.from(text);
      const record = Buffer.alloc(RECORD_HEADER_BYTES + payload.length);
      const sequence = (sequences.get(streamId(key)) ?? -1) + 1;
      sequences.set(streamId(key), sequence);
      writeRecordHeader(record, 0, { kind, sequence, length: payload.length, timeMs });
      payload.copy(record, RECORD_HEADER_BYTES);
      shelf.append(key, record);
      for (const one of following) if (streamId(one.key) === streamId(key)) pump(one);
    },
    drop: (attempt, offset) => shelf.drop(main(attempt), offset),
    endFollowers() {
      for (const one of following) {
        following.delete(one);
        one.follower.onEnd();
      }
    },
    followed: () => [...following].map(({ key, credit }) => ({ attempt: key.attempt, credit })),
    list: () =>
      Promise.resolve(
        ok(shelf.keys().map((key) => ({ key, firstOffset: shelf.read(key).base, endOffset: endOf(key) }))),
      ),
    read: (key, fromOffset, maxBytes) => Promise.resolve(ok(part(key, fromOffset, maxBytes))),
    offsetOfLastLines(key, lines) {
      if (lines === 0) return Promise.resolve(ok(endOf(key)));
      let feeds = 0;
      let isLastByte = true;
      for (const record of records(key).reverse()) {
        if (record.kind === RecordKind.marker) continue;
        for (const byte of [...record.payload].reverse()) {
          // The feed at the very end closes the last line; it begins no other.
          if (byte === 0x0a && !isLastByte) feeds += 1;
          isLastByte = false;
          // Every record of these tests holds the end of one line at most.
          if (feeds === lines) return Promise.resolve(ok(endOfRecord(record)));
        }
      }
      return Promise.resolve(ok(shelf.read(key).base));
    },
    offsetOfTime: (key, timeMs) =>
      Promise.resolve(ok(records(key).find((record) => record.timeMs >= timeMs)?.offset ?? endOf(key))),
    follow(key, fromOffset, creditBytes, follower) {
      if (creditBytes < 1) throw new Error("the hive's protocol follows with a credit of at least 1");
      const one: Following = { key, follower, next: fromOffset, credit: creditBytes };
      following.add(one);
      pump(one);
      return {
        credit(bytes) {
          one.credit += bytes;
          pump(one);
        },
        dispose: () => void following.delete(one),
      };
    },
  };
}

function endOfRecord(record: StreamRecord): number {
  return record.offset + RECORD_HEADER_BYTES + record.payload.length;
}

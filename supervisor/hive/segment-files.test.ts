import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseRecords, RecordKind, type StreamKey } from "../../schemas/segment.ts";
import { SegmentReader, segmentPath } from "./segment-files.ts";
import { StreamOnDisk } from "./segments.fake.ts";
import { extentsOf, offsetOfLastLines, offsetOfTime } from "./stream-search.ts";

const KEY: StreamKey = { sessionId: "abcdefghijkl", process: "main", attempt: 1 };

let logs: string;
let stream: StreamOnDisk;
let reader: SegmentReader;
beforeEach(() => {
  logs = mkdtempSync(join(tmpdir(), "om-logs-"));
  stream = new StreamOnDisk(logs, KEY);
  reader = new SegmentReader(stream.folder);
});
afterEach(async () => {
  await reader.close();
  rmSync(logs, { recursive: true, force: true });
});

/** Texts of the records that a read returns, and where they begin. */
async function read(from: number, maxBytes = 1 << 20) {
  const { offset, bytes } = await reader.read(from, maxBytes);
  const { records, consumed, corrupt } = parseRecords(Buffer.from(bytes), offset);
  expect({ consumed, corrupt }).toEqual({ consumed: bytes.length, corrupt: false });
  return { offset, texts: records.map(({ payload }) => Buffer.from(payload).toString()) };
}

test("whole records from an offset on, then nothing, then what has come since", async () => {
  stream.append({ text: "one" });
  const two = stream.append({ text: "two" });
  expect(await read(0)).toEqual({ offset: 0, texts: ["one", "two"] });
  expect(await read(two)).toEqual({ offset: two, texts: ["two"] });
  const end = stream.endOffset;
  expect(await read(end)).toEqual({ offset: end, texts: [] });
  stream.append({ text: "three" });
  expect(await read(end)).toEqual({ offset: end, texts: ["three"] });
});

test("from one segment to the next, backwards too", async () => {
  stream.append({ text: "a" });
  stream.nextSegment();
  const b = stream.append({ text: "b" });
  stream.nextSegment();
  const c = stream.append({ text: "c" });
  expect(await read(0)).toEqual({ offset: 0, texts: ["a"] });
  expect(await read(b)).toEqual({ offset: b, texts: ["b"] });
  expect(await read(c)).toEqual({ offset: c, texts: ["c"] });
  expect(await read(0)).toEqual({ offset: 0, texts: ["a"] });
});

test("no more than asked for, and at least one record", async () => {
  for (let number = 0; number < 10; number += 1) stream.append({ text: `${number}${"x".repeat(99)}` });
  const part = await reader.read(0, 300);
  expect(part.bytes.length).toBe(2 * 116);
  const long = stream.append({ text: "y".repeat(1 << 20) });
  const whole = await reader.read(long, 10);
  expect(whole.bytes.length).toBe((1 << 20) + 16);
});

test("a torn tail is not there, also before the next writer's segment", async () => {
  stream.append({ text: "whole" });
  const end = stream.endOffset;
  stream.tear();
  expect(await read(0)).toEqual({ offset: 0, texts: ["whole"] });
  expect(await read(end)).toEqual({ offset: end, texts: [] });
  stream.nextSegment(11);
  const next = stream.append({ text: "next" });
  expect(await read(end)).toEqual({ offset: next, texts: ["next"] });
});

test("what was dropped is passed over, also under a reader", async () => {
  stream.append({ text: "a" });
  const first = stream.path;
  stream.nextSegment();
  const b = stream.append({ text: "b" });
  const second = stream.path;
  stream.nextSegment();
  const c = stream.append({ text: "c" });
  rmSync(first);
  expect(await read(0)).toEqual({ offset: b, texts: ["b"] });
  rmSync(second);
  expect(await read(0)).toEqual({ offset: c, texts: ["c"] });
});

test("a stream that is not there is empty", async () => {
  const other = new SegmentReader(join(logs, "nobody", "main@1"));
  expect(await other.read(5, 100)).toMatchObject({ offset: 5, bytes: Buffer.alloc(0) });
  expect(await extentsOf(logs, "nobody")).toEqual([]);
  expect(await offsetOfLastLines(join(logs, "nobody"), 3)).toBe(0);
  expect(await offsetOfTime(join(logs, "nobody"), 3)).toBe(0);
});

test("the extents of a session's streams, in order of attempt", async () => {
  stream.append({ text: "torn" });
  stream.tear();
  const later = new StreamOnDisk(logs, { ...KEY, attempt: 10 }, 4096);
  later.append({ text: "x" });
  const service = new StreamOnDisk(logs, { ...KEY, process: "service:web/ö", attempt: 2 });
  new StreamOnDisk(logs, { ...KEY, sessionId: "mnopqrstuvwx" });
  expect(await extentsOf(logs, KEY.sessionId)).toEqual([
    { key: KEY, firstOffset: 0, endOffset: 20 },
    { key: { ...KEY, process: "service:web/ö", attempt: 2 }, firstOffset: 0, endOffset: service.endOffset },
    { key: { ...KEY, attempt: 10 }, firstOffset: 4096, endOffset: later.endOffset },
  ]);
});

test("the last lines: counted over records and segments, not over what is no output", async () => {
  const one = stream.append({ text: "one\ntw" });
  const two = stream.append({ text: "o\n" });
  stream.append({ kind: RecordKind.marker, text: "{}\n\n\n" });
  stream.nextSegment();
  const three = stream.append({ kind: RecordKind.stderr, text: "three\nfour\n" });
  const end = stream.endOffset;
  const last = (lines: number) => offsetOfLastLines(stream.folder, lines);
  expect(await last(0)).toBe(end);
  expect(await last(1)).toBe(three);
  expect(await last(2)).toBe(two + 16 + 2);
  expect(await last(3)).toBe(one);
  expect(await last(4)).toBe(one);
  expect(await last(99)).toBe(one);
  const five = stream.append({ text: "unfinished" });
  expect(await last(1)).toBe(five);
  expect(await last(2)).toBe(three);
  stream.append({ text: "\n" });
  expect(await last(1)).toBe(five);
  const six = stream.append({ text: "\n" });
  expect(await last(1)).toBe(six);
  expect(await last(2)).toBe(five);
});

test("the last lines of what is left after the first segments were dropped", async () => {
  stream.append({ text: "a\nb\n" });
  const dropped = stream.path;
  stream.nextSegment();
  const c = stream.append({ text: "c\n" });
  rmSync(dropped);
  expect(await offsetOfLastLines(stream.folder, 5)).toBe(c);
});

test("a time: the first record at or after it", async () => {
  const offsets = [10, 20, 20, 30].map((timeMs) => stream.append({ text: "x", timeMs }));
  stream.nextSegment();
  offsets.push(...[40, 50].map((timeMs) => stream.append({ text: "x", timeMs })));
  const at = (timeMs: number) => offsetOfTime(stream.folder, timeMs);
  expect(await at(0)).toBe(offsets[0]);
  expect(await at(20)).toBe(offsets[1]);
  expect(await at(21)).toBe(offsets[3]);
  expect(await at(31)).toBe(offsets[4]);
  expect(await at(50)).toBe(offsets[5]);
  expect(await at(51)).toBe(stream.endOffset);
});

test("a segment's path is where the writer puts it", () => {
  expect(segmentPath(stream.folder, 0)).toBe(stream.path);
});

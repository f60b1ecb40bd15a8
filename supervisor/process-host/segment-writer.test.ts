import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  encodeSegmentHeader,
  type GapPayload,
  RecordKind,
  SEGMENT_HEADER_BYTES,
  type StreamKey,
  type StreamRecord,
  segmentFileName,
} from "../../schemas/segment.ts";
import { IS_LINUX_ROOT, until, withSmallDisk } from "../../test/harness/process-host.ts";
import { payloadsOnDisk, recordsOnDisk } from "../../test/harness/segments.ts";
import { LogShelf } from "./log-shelf.ts";
import { SegmentWriter } from "./segment-writer.ts";

const KEY: StreamKey = { sessionId: "session", process: "main", attempt: 1 };
const MIB = 1 << 20;

let logs: string;
let dropped: { id: string; firstOffset: number }[];
beforeEach(() => {
  logs = mkdtempSync(join(tmpdir(), "om-segments-"));
  dropped = [];
});
afterEach(() => rmSync(logs, { recursive: true, force: true }));

const shelfOf = (folder = logs) => new LogShelf(folder, (id, firstOffset) => dropped.push({ id, firstOffset }));

function open(shelf: LogShelf, key = KEY) {
  const seen: Buffer[] = [];
  const events = {
    onRecord: (_: unknown, __: number, record: Buffer) => seen.push(Buffer.from(record)),
    onDiskFull: () => undefined,
  };
  return { ...SegmentWriter.open(shelf, key, events), seen };
}

const folderOf = (key: StreamKey, folder = logs) => join(folder, key.sessionId, `main@${key.attempt}`);
const filesOf = (key: StreamKey, folder = logs) => readdirSync(folderOf(key, folder)).sort();
const output = (records: readonly StreamRecord[]) =>
  Buffer.concat(records.filter(({ kind }) => kind === RecordKind.terminal).map(({ payload }) => payload)).toString();
const marker = (id: string) => ({ id, marker: "transition", text: `about ${id}` }) as const;

test("records are on disk when the call returns, numbered and in order, as they were told", () => {
  const { writer, seen, onlyMarkers } = open(shelfOf());
  writer.append(RecordKind.terminal, Buffer.from("one"));
  writer.appendMarker(marker("transition:1"));
  writer.append(RecordKind.terminal, Buffer.from("two"));
  const records = recordsOnDisk(logs, KEY.sessionId);
  expect(records.map(({ kind, sequence }) => [kind, sequence])).toEqual([
    [RecordKind.terminal, 0],
    [RecordKind.marker, 1],
    [RecordKind.terminal, 2],
  ]);
  const [name = ""] = filesOf(KEY);
  expect(Buffer.concat(seen)).toEqual(readFileSync(join(folderOf(KEY), name)).subarray(SEGMENT_HEADER_BYTES));
  expect(writer.endOffset).toBe(Buffer.concat(seen).length);
  expect(onlyMarkers).toBe(true);
  writer.close();
});

test("files and folders are the user's alone", () => {
  open(shelfOf()).writer.close();
  const [name = ""] = filesOf(KEY);
  expect(statSync(folderOf(KEY)).mode & 0o777).toBe(0o700);
  expect(statSync(join(folderOf(KEY), name)).mode & 0o777).toBe(0o600);
});

test("a tail torn at any byte is cut before the first append", () => {
  const { writer } = open(shelfOf());
  for (const text of ["first", "second", "third"]) writer.append(RecordKind.terminal, Buffer.from(text));
  writer.close();
  const path = join(folderOf(KEY), segmentFileName(0));
  const whole = readFileSync(path);
  const ends = recordsOnDisk(logs, KEY.sessionId).map(({ offset, payload }) => offset + 16 + payload.length);
  for (let length = 0; length < whole.length; length += 1) {
    writeFileSync(path, whole.subarray(0, length));
    const again = open(shelfOf());
    const kept = ends.filter((end) => SEGMENT_HEADER_BYTES + end <= length);
    expect(again.writer.endOffset, `cut at ${length}`).toBe(kept.at(-1) ?? 0);
    again.writer.appendMarker(marker("transition:1"));
    again.writer.close();
    const records = recordsOnDisk(logs, KEY.sessionId);
    expect(records.map(({ sequence }) => sequence)).toEqual([...records.keys()]);
    expect(records).toHaveLength(kept.length + 1);
  }
});

test.each([
  ["zeros", Buffer.alloc(100)],
  ["noise", Buffer.from("a record that was never one, with a length that is far too large")],
])("a tail of %s is cut", (_, tail) => {
  const first = open(shelfOf()).writer;
  first.append(RecordKind.terminal, Buffer.from("kept"));
  first.close();
  appendFileSync(join(folderOf(KEY), segmentFileName(0)), tail);
  const again = open(shelfOf());
  expect(again.onlyMarkers).toBe(false);
  again.writer.append(RecordKind.terminal, Buffer.from(", and more"));
  again.writer.close();
  expect(output(recordsOnDisk(logs, KEY.sessionId))).toBe("kept, and more");
});

test("a kill right after a new segment was made goes on with the numbers and ids of the one before", () => {
  const first = open(shelfOf()).writer;
  first.append(RecordKind.terminal, Buffer.from("kept"));
  first.appendMarker(marker("transition:7"));
  first.close();
  writeFileSync(join(folderOf(KEY), segmentFileName(first.endOffset)), encodeSegmentHeader(first.endOffset));
  const again = open(shelfOf()).writer;
  again.appendMarker(marker("transition:7"));
  again.appendMarker(marker("transition:8"));
  again.close();
  expect(recordsOnDisk(logs, KEY.sessionId).map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
});

test("a marker is written once, and a lost host told once at the end of a stream", () => {
  const gap: GapPayload = { bytes: null, reason: "host-lost" };
  const first = open(shelfOf()).writer;
  first.append(RecordKind.terminal, Buffer.from("x"));
  first.appendMarker(marker("transition:1"));
  first.appendMarker(marker("transition:1"));
  first.appendGap(gap);
  first.close();
  const again = open(shelfOf()).writer;
  again.appendGap(gap);
  again.appendMarker(marker("transition:1"));
  again.appendMarker(marker("transition:2"));
  again.close();
  const records = recordsOnDisk(logs, KEY.sessionId);
  expect(payloadsOnDisk<{ id: string }>(records, RecordKind.marker).map(({ id }) => id)).toEqual([
    "transition:1",
    "transition:2",
  ]);
  expect(payloadsOnDisk(records, RecordKind.gap)).toEqual([gap]);
});

test("a session's log stays within its bound: the oldest goes, and the rest says how much went", () => {
  const shelf = shelfOf();
  shelf.setLimits(MIB, 1 << 30);
  const { writer } = open(shelf);
  for (let index = 0; index < 3000; index += 1)
    writer.append(RecordKind.terminal, Buffer.from(`${index} `.padEnd(1000, ".")));
  const sizes = filesOf(KEY).map((name) => statSync(join(folderOf(KEY), name)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect(total).toBeLessThanOrEqual(MIB);
  expect(total).toBeGreaterThan(MIB / 2);
  const records = recordsOnDisk(logs, KEY.sessionId);
  const first = records[0]?.offset;
  expect(first).toBeGreaterThan(0);
  expect(dropped.at(-1)).toEqual({ id: writer.id, firstOffset: first });
  expect(records.at(-1)?.sequence).toBe(2999);
  writer.close();
});

test("the total is bounded: ended sessions go first, the oldest of them first, and their size is still told", () => {
  const keyOf = (sessionId: string) => ({ ...KEY, sessionId });
  const fill = (shelf: LogShelf, sessionId: string) => {
    const { writer } = open(shelf, keyOf(sessionId));
    for (let index = 0; index < 10; index += 1) writer.append(RecordKind.terminal, Buffer.alloc(50_000, 46));
    return writer;
  };
  const before = shelfOf();
  const living = fill(before, "living");
  const old = fill(before, "old");
  old.close();
  execFileSync("touch", [
    "-d",
    "2020-01-01",
    ...filesOf(keyOf("old")).map((name) => join(folderOf(keyOf("old")), name)),
  ]);
  fill(before, "young").close();
  living.close();

  const shelf = shelfOf(); // Another host, which finds them.
  shelf.setLimits(MIB * 4, MIB + MIB / 2);
  const again = open(shelf, keyOf("living")).writer;
  for (const sessionId of ["old", "young"]) shelf.stream(keyOf(sessionId));
  for (let index = 0; index < 5; index += 1) again.append(RecordKind.terminal, Buffer.alloc(50_000, 46));
  expect(filesOf(keyOf("old"))[0]).not.toBe(segmentFileName(0));
  expect(filesOf(keyOf("young"))[0]).toBe(segmentFileName(0));

  shelf.setLimits(MIB * 4, MIB / 4);
  expect(filesOf(keyOf("old"))).toEqual([segmentFileName(old.endOffset)]);
  expect(filesOf(keyOf("young"))).toHaveLength(1);
  expect(recordsOnDisk(logs, "young")).toEqual([]);
  expect(recordsOnDisk(logs, "living").length, "what is being written is never dropped").toBeGreaterThan(0);
  again.close();
});

test("what lies in the present segment can be read back", () => {
  const { writer, seen } = open(shelfOf());
  for (const text of ["one", "two", "three"]) writer.append(RecordKind.terminal, Buffer.from(text));
  const from = seen[0]?.length ?? 0;
  expect(writer.readBack(from)).toEqual(Buffer.concat(seen.slice(1)));
  expect(writer.readBack(writer.endOffset)).toEqual(Buffer.alloc(0));
  writer.close();
});

test("any sequence of appends, over segments and openings, is read back whole", () => {
  const payload = fc.uint8Array({ maxLength: 70_000, size: "max" });
  fc.assert(
    fc.property(fc.array(fc.record({ payload, reopen: fc.boolean() }), { minLength: 1, maxLength: 12 }), (steps) => {
      rmSync(logs, { recursive: true, force: true });
      mkdirSync(logs);
      const shelf = shelfOf();
      let { writer } = open(shelf);
      for (const step of steps) {
        writer.append(RecordKind.terminal, Buffer.from(step.payload));
        if (!step.reopen) continue;
        writer.close();
        writer = open(shelf).writer;
      }
      writer.close();
      const read = Buffer.concat(recordsOnDisk(logs, KEY.sessionId).map((one) => one.payload));
      expect(read.equals(Buffer.concat(steps.map((step) => step.payload)))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

const DISK =
  "a full disk: output is dropped and counted, markers and exit are kept, and all is told when there is space";
test.skipIf(!IS_LINUX_ROOT)(IS_LINUX_ROOT ? DISK : `${DISK} (SKIPPED: only root can mount a small disk)`, () =>
  withSmallDisk(512, async (disk, resize) => {
    const { writer } = open(shelfOf(disk));
    let sent = 0;
    let writtenBefore = 0;
    while (!writer.isDiskFull) {
      writtenBefore = writer.endOffset;
      writer.append(RecordKind.terminal, Buffer.alloc(5000, 97));
      sent += 5000;
    }
    expect(writer.endOffset, "a record that did not fit was cut back whole").toBe(writtenBefore);
    expect(recordsOnDisk(disk, KEY.sessionId).at(-1)?.payload).toHaveLength(5000);
    writer.append(RecordKind.terminal, Buffer.alloc(3000, 98));
    writer.appendMarker(marker("transition:1"));
    writer.append(RecordKind.terminal, Buffer.alloc(2000, 99));
    sent += 5000;
    writer.appendKept(RecordKind.exit, { code: 3, signal: null });
    writer.close();
    expect(writer.isDiskFull, "closing waits for the disk").toBe(true);
    resize(2048);
    await until(() => writer.retry(), "the disk to be tried again");
    const records = recordsOnDisk(disk, KEY.sessionId);
    const [gap] = payloadsOnDisk<GapPayload>(records, RecordKind.gap);
    expect(gap).toEqual({ bytes: sent - output(records).length, reason: "disk-full" });
    expect(gap?.bytes).toBe(10_000);
    expect(records.slice(-3).map(({ kind }) => kind)).toEqual([RecordKind.gap, RecordKind.marker, RecordKind.exit]);
  }),
);

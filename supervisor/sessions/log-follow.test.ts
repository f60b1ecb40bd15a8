import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { RecordKind } from "../../schemas/segment.ts";
import { ENDED, Reader, RUNNING, turns } from "./log-reader.fake.ts";
import { type LogStart, SETTLE_PATIENCE_MS } from "./log-reading.ts";
import { fileStreams, memoryStreams, type WrittenStreams } from "./written-streams.fake.ts";

const root = mkdtempSync(join(tmpdir(), "om-logs-"));
let folders = 0;
afterAll(() => rmSync(root, { recursive: true }));

function newFolder(): string {
  folders += 1;
  const logs = join(root, String(folders));
  mkdirSync(join(logs, "session"), { recursive: true });
  return logs;
}

describe.each([
  ["in memory", memoryStreams],
  ["in segment files", () => fileStreams(newFolder())],
])("streams %s", (_where, makeStreams) => {
  let streams: WrittenStreams;
  let reader: Reader;
  beforeEach(() => {
    streams = makeStreams();
    reader = new Reader();
  });

  const START: LogStart = { start: true };

  describe("followed", () => {
    test("what is there and what comes, in order and once", async () => {
      streams.write(1, "before");
      reader.start(streams, START, { follow: true });
      await turns();
      for (let count = 0; count < 50; count += 1) {
        streams.write(1, `${count}`);
        if (count % 7 === 0) await turns();
      }
      await turns();
      expect(reader.seen).toEqual(["1:before", ...Array.from({ length: 50 }, (_, count) => `1:${count}`)]);
    });

    test("from before the first start, over attempts, until the session has ended", async () => {
      reader.state = { ...RUNNING, attempt: 0 };
      reader.start(streams, { lines: 10 }, { follow: true });
      await turns();
      expect(streams.followed()).toEqual([]);
      streams.write(1, "one");
      reader.become(RUNNING);
      await turns();
      streams.write(1, "exit");
      streams.write(2, "two");
      reader.become({ ...RUNNING, attempt: 2 });
      await turns();
      streams.write(2, "last");
      reader.become({ ...ENDED, attempt: 2 });
      await turns();
      expect(reader.seen).toEqual(["1:one", "1:exit", "2:two", "2:last", "end: end"]);
      expect(streams.followed()).toEqual([]);
      expect(reader.listening).toBe(0);
    });

    test("an attempt that was started and never wrote", async () => {
      reader.start(streams, START, { follow: true });
      await turns();
      expect(streams.followed()).toMatchObject([{ attempt: 1 }]);
      reader.become(ENDED);
      await turns();
      expect(reader.seen).toEqual(["end: end"]);
    });

    test("a session that ended without a start", async () => {
      reader.state = { ...ENDED, attempt: 0 };
      reader.start(streams, START, { follow: true });
      await turns();
      expect(reader.seen).toEqual(["end: end"]);
    });

    test("a session that has ended, to its last byte", async () => {
      for (let count = 0; count < 100; count += 1) streams.write(1, "x".repeat(1000));
      reader.state = ENDED;
      reader.start(streams, START, { follow: true, creditBytes: 5000 });
      await turns();
      expect(reader.seen.length).toBeLessThan(10);
      reader.reading?.credit(1 << 20);
      await turns();
      expect(reader.seen.length).toBe(101);
      expect(reader.seen.at(-1)).toBe("end: end");
    });

    test("never more than the credit, and one record", async () => {
      for (let count = 0; count < 100; count += 1) streams.write(1, "x".repeat(100));
      reader.start(streams, START, { follow: true, creditBytes: 1000 });
      await turns();
      const sent = () => reader.offsets.reduce((sum, { from, to }) => sum + to - from, 0);
      expect(sent()).toBeLessThanOrEqual(1000 + 116);
      reader.reading?.credit(1000);
      await turns();
      expect(sent()).toBeLessThanOrEqual(2000 + 116);
      expect(sent()).toBeGreaterThan(1000 + 116);
    });

    test("a reader that is behind loses its place, holds nothing, and goes on from there", async () => {
      reader.start(streams, START, { follow: true });
      await turns();
      streams.write(1, "seen");
      await turns();
      reader.saturated = true;
      for (let count = 0; count < 20; count += 1) streams.write(1, `missed ${count}`);
      await turns();
      expect(streams.followed()).toEqual([]);
      expect(reader.seen).toEqual(["1:seen"]);
      reader.drain();
      await turns();
      expect(reader.seen).toEqual(["1:seen", ...Array.from({ length: 20 }, (_, count) => `1:missed ${count}`)]);
      const held = reader.offsets.map(({ from, to }) => [from, to]);
      for (const [index, [from]] of held.entries()) expect(from).toBe(index === 0 ? 0 : held[index - 1]?.[1]);
    });

    test("a reader that is behind when the session ends still gets all of it", async () => {
      reader.start(streams, START, { follow: true });
      await turns();
      reader.saturated = true;
      streams.write(1, "last words");
      await turns();
      reader.become(ENDED);
      await turns();
      expect(reader.seen).toEqual([]);
      reader.drain();
      await turns();
      expect(reader.seen).toEqual(["1:last words", "end: end"]);
    });

    test("says what was dropped before it could be sent", async () => {
      reader.start(streams, START, { follow: true });
      await turns();
      reader.saturated = true;
      for (let count = 0; count < 60; count += 1) streams.write(1, `line ${count}`);
      await turns();
      streams.drop(1, 1000);
      reader.drain();
      await turns();
      expect(reader.seen[0]).toMatch(/^dropped 1@[1-9]/);
      expect(reader.seen.at(-1)).toBe("1:line 59");
      expect(reader.seen).not.toContain("1:line 0");
    });

    test("waits for the last transition's marker, and not for ever", async () => {
      reader.start(streams, START, { follow: true });
      streams.write(1, "bye");
      await turns();
      reader.become({ ...ENDED, settled: false });
      await turns();
      expect(reader.seen).toEqual(["1:bye"]);
      streams.write(1, "RUNNING -> COMPLETED", { kind: RecordKind.marker });
      await turns();
      for (let step = 0; step < 60; step += 1) {
        reader.clock.advance(SETTLE_PATIENCE_MS / 50);
        await turns();
      }
      expect(reader.seen).toEqual(["1:bye", "1:RUNNING -> COMPLETED", "end: end"]);
      expect(reader.clock.nextTimerMs()).toBeUndefined();
    });

    test("ends when the session is removed", async () => {
      reader.start(streams, START, { follow: true });
      await turns();
      reader.become(undefined);
      await turns();
      expect(reader.seen).toEqual(["end: removed"]);
      expect(streams.followed()).toEqual([]);
    });

    test.each([
      [{ ...RUNNING, removing: true }, "removed"],
      [RUNNING, "hive-lost"],
    ])("when its stream can be followed no further, while it is %j: %s", async (state, reason) => {
      reader.state = state;
      reader.start(streams, START, { follow: true });
      await turns();
      streams.endFollowers();
      expect(reader.seen).toEqual([`end: ${reason}`]);
    });

    test("nothing is sent after dispose, and nothing is held", async () => {
      reader.start(streams, START, { follow: true });
      streams.write(1, "one");
      reader.reading?.dispose();
      await turns();
      streams.write(1, "two");
      reader.become(undefined);
      await turns();
      expect(reader.seen).toEqual([]);
      expect(streams.followed()).toEqual([]);
      expect(reader.listening).toBe(0);
    });

    test("large parts are cut into messages of whole records", async () => {
      for (let count = 0; count < 40; count += 1) streams.write(1, "y".repeat(30_000));
      reader.start(streams, START, { follow: true, creditBytes: 1 << 22 });
      await turns();
      expect(reader.seen.length).toBe(40);
      expect(Math.max(...reader.offsets.map(({ from, to }) => to - from))).toBeLessThanOrEqual(256 << 10);
    });

    test("another process, whose attempts are known from disk alone", async () => {
      streams.write(1, "up", { process: "service:web" });
      reader.start(streams, START, { follow: true, process: "service:web" });
      await turns();
      streams.write(2, "up again", { process: "service:web" });
      reader.become({ ...RUNNING, attempt: 2 });
      await turns();
      reader.become({ ...ENDED, attempt: 2 });
      await turns();
      expect(reader.seen).toEqual(["1:up", "2:up again", "end: end"]);
    });
  });

  test("a bug in the port ends the reading, is logged, and reaches nobody else", async () => {
    for (const follow of [true, false]) {
      const hurt = new Reader();
      const broken = { ...streams, list: () => Promise.reject(new Error("planted")) };
      hurt.start(broken, START, { follow });
      await turns();
      expect(hurt.seen).toEqual(["end: hive-lost"]);
      expect(hurt.errors.length).toBe(1);
    }
  });
});

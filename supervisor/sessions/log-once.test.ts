import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { RecordKind } from "../../schemas/segment.ts";
import { ENDED, Reader, turns } from "./log-reader.fake.ts";
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
  const once = async (from: LogStart) => {
    reader.start(streams, from, { follow: false });
    await turns();
    return reader.seen;
  };

  describe("read once", () => {
    beforeEach(() => {
      for (const line of ["a\n", "b\n", "c\n"]) streams.write(1, line, { timeMs: 100 });
      for (const line of ["d\n", "e\n"]) streams.write(2, line, { timeMs: 200 });
      streams.write(10, "f\n", { timeMs: 300 });
      streams.write(1, "elsewhere", { process: "setup" });
    });

    test("all attempts, in order of their number", async () => {
      expect(await once(START)).toEqual(["1:a\n", "1:b\n", "1:c\n", "2:d\n", "2:e\n", "10:f\n", "end: end"]);
    });

    test.each([
      [0, []],
      [1, ["10:f\n"]],
      [2, ["2:e\n", "10:f\n"]],
      [3, ["2:d\n", "2:e\n", "10:f\n"]],
      [4, ["1:c\n", "2:d\n", "2:e\n", "10:f\n"]],
      [1000, ["1:a\n", "1:b\n", "1:c\n", "2:d\n", "2:e\n", "10:f\n"]],
    ])("the last %i lines, over attempts", async (lines, expected) => {
      expect(await once({ lines })).toEqual([...expected, "end: end"]);
    });

    test("a line that is not closed yet counts as one", async () => {
      streams.write(10, "g");
      expect(await once({ lines: 3 })).toEqual(["2:e\n", "10:f\n", "10:g", "end: end"]);
    });

    test.each([
      [0, 6],
      [100, 6],
      [101, 3],
      [200, 3],
      [201, 1],
      [301, 0],
    ])("since %i ms: %i records", async (sinceMs, count) => {
      const seen = await once({ sinceMs });
      expect(seen.slice(0, -1)).toEqual(["1:a\n", "1:b\n", "1:c\n", "2:d\n", "2:e\n", "10:f\n"].slice(6 - count));
      expect(seen.at(-1)).toBe("end: end");
    });

    test("from where an earlier reading stopped", async () => {
      const first = new Reader();
      first.start(streams, START, { follow: false });
      await turns();
      const { attempt, from } = first.offsets.find((one) => one.attempt === 2) ?? { attempt: 0, from: 0 };
      expect(await once({ attempt, offset: from + 18 })).toEqual(["2:e\n", "10:f\n", "end: end"]);
    });

    test("of another process", async () => {
      reader.start(streams, START, { follow: false, process: "setup" });
      await turns();
      expect(reader.seen).toEqual(["1:elsewhere", "end: end"]);
    });

    test("no further than it was at the beginning, cut where it ended", async () => {
      reader.start(streams, START, { follow: false, creditBytes: 1 });
      await turns();
      streams.write(10, "too late\n");
      streams.write(11, "much too late\n");
      reader.reading?.credit(1 << 20);
      await turns();
      expect(reader.seen).toEqual(["1:a\n", "1:b\n", "1:c\n", "2:d\n", "2:e\n", "10:f\n", "end: end"]);
    });

    test("says what is no longer kept", async () => {
      for (let count = 0; count < 30; count += 1) streams.write(1, `more ${count}\n`);
      streams.drop(1, 400);
      const seen = await once(START);
      expect(seen[0]).toMatch(/^dropped 1@[1-9]/);
      expect(seen.at(-1)).toBe("end: end");
      expect(seen).not.toContain("1:a\n");
      expect(seen).toContain("1:more 29\n");
    });

    test("of a session without a log is over at once", async () => {
      expect(
        await new Promise<string[]>((resolve) => {
          const empty = new Reader();
          empty.start(memoryStreams(), START, { follow: false });
          void turns().then(() => resolve(empty.seen));
        }),
      ).toEqual(["end: end"]);
    });

    test("waits for what the supervisor still has to write about an end, within bounds", async () => {
      reader.state = { ...ENDED, settled: false };
      reader.start(streams, { lines: 1 }, { follow: false });
      await turns();
      expect(reader.seen).toEqual([]);
      streams.write(10, "RUNNING -> COMPLETED", { kind: RecordKind.marker });
      reader.state = ENDED;
      reader.clock.advance(SETTLE_PATIENCE_MS / 2);
      await turns();
      expect(reader.seen).toEqual(["10:f\n", "10:RUNNING -> COMPLETED", "end: end"]);
      expect(reader.clock.nextTimerMs()).toBeUndefined();
    });
  });
});

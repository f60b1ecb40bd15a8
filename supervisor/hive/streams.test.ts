/** Followers of real streams, with a real process host: each gets every byte once, and none holds up another. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { parseRecords, RecordKind, type StreamKey, type StreamRecord } from "../../schemas/segment.ts";
import { outputOnDisk, recordsOnDisk } from "../../test/harness/segments.ts";
import type { StreamPart, StreamSubscription } from "../ports/hive.ts";
import {
  buildHostOnce,
  exitOf,
  type HiveWorld,
  makeHiveWorld,
  must,
  newKey,
  specOf,
  until,
} from "./hive-world.fake.ts";
import type { LocalHive } from "./local-hive.ts";

const FIXTURES = resolve(import.meta.dirname, "../../test/fixtures");

let built: Awaited<ReturnType<typeof buildHostOnce>>;
let world: HiveWorld;
let hive: LocalHive;
beforeAll(async () => {
  built = await buildHostOnce();
});
afterAll(() => built.remove());
beforeEach(async () => {
  world = makeHiveWorld(built.script);
  hive = await world.open();
});
afterEach(() => world.close());

interface ReaderOptions {
  readonly from?: number;
  readonly credit?: number;
  /** Gives back the credit of what it has got. */
  readonly gives?: boolean;
}

/** One who follows, and checks that the parts join. */
class Reader {
  readonly records: StreamRecord[] = [];
  readonly dropped: number[] = [];
  readonly subscription: StreamSubscription;
  nextOffset: number;
  received = 0;
  isEnded = false;
  #awaited = { bytes: Number.POSITIVE_INFINITY, tell: () => {} };

  constructor(on: LocalHive, key: StreamKey, options: ReaderOptions = {}) {
    const { from = 0, credit = 1 << 20, gives = true } = options;
    this.nextOffset = from;
    this.subscription = on.streams.follow(key, from, credit, {
      onData: (part) => {
        this.#take(part);
        if (this.received > this.#awaited.bytes) this.#awaited.tell();
        if (gives) this.subscription.credit(part.bytes.length);
      },
      onDropped: (offset) => {
        this.dropped.push(offset);
        this.nextOffset = offset;
      },
      onEnd: () => {
        this.isEnded = true;
      },
    });
  }

  /** Resolves in the turn in which more than so many bytes have come. */
  hasReceived(bytes: number): Promise<void> {
    if (this.received > bytes) return Promise.resolve();
    return new Promise((tell) => {
      this.#awaited = { bytes, tell };
    });
  }

  get output(): string {
    return outputOnDisk(this.records);
  }

  has(kind: number): boolean {
    return this.records.some((record) => record.kind === kind);
  }

  async hasExit(): Promise<void> {
    await until(() => this.records.at(-1)?.kind === RecordKind.exit, "the exit to arrive", 30_000);
  }

  #take({ offset, bytes }: StreamPart): void {
    const { records, consumed } = parseRecords(Buffer.from(bytes), offset);
    if (offset !== this.nextOffset) throw new Error(`a hole: ${this.nextOffset} to ${offset}`);
    if (consumed !== bytes.length) throw new Error(`half a record at ${offset + consumed}`);
    this.records.push(...records);
    this.nextOffset += bytes.length;
    this.received += bytes.length;
  }
}

function numberedLines(file: string, count: string, pause = "0") {
  return [process.execPath, join(FIXTURES, "numbered-lines.mjs"), file, count, pause];
}

function written(file: string): string {
  return readFileSync(file, "latin1");
}

test("a follower sees what a session writes, from before its start to its exit", async () => {
  const key = newKey();
  const reader = new Reader(hive, key);
  must(await hive.processes.start(specOf(key, ["sh", "-c", "echo one; read x; echo two $x"], "terminal")));
  await until(() => reader.output.includes("one"), "the first line");
  must(await hive.processes.input(key, Buffer.from("three\n")));
  await reader.hasExit();
  expect(reader.output).toBe("one\nthree\ntwo three\n");
});

test("under a flood each of several followers gets every byte once, whatever its credit", async () => {
  const key = newKey();
  const file = join(world.layout.home, "copy");
  const early = [
    new Reader(hive, key),
    new Reader(hive, key, { credit: 4096 }),
    new Reader(hive, key, { credit: 200 << 10 }),
  ];
  must(await hive.processes.start(specOf(key, numberedLines(file, "60000"), "terminal")));
  await until(() => (early[0]?.received ?? 0) > 1 << 20, "a first MiB");
  const late = [new Reader(hive, key), new Reader(hive, key, { credit: 64 << 10 })];
  await exitOf(hive, key);
  const expected = written(file);
  for (const reader of [...early, ...late]) {
    await reader.hasExit();
    expect(reader.output === expected).toBe(true);
    expect(reader.dropped).toEqual([]);
    reader.subscription.dispose();
  }
});

test("who gives no credit gets no more than that, and holds up nobody", async () => {
  const key = newKey();
  const file = join(world.layout.home, "copy");
  const stuck = new Reader(hive, key, { credit: 100_000, gives: false });
  const free = new Reader(hive, key);
  must(await hive.processes.start(specOf(key, numberedLines(file, "60000"), "terminal")));
  await free.hasExit();
  expect(free.output === written(file)).toBe(true);
  // At most a record more: one that is begun is sent whole.
  expect(stuck.received).toBeLessThan(100_000 + (65 << 10));
  expect(stuck.received).toBeGreaterThan(50_000);
  stuck.subscription.credit(1 << 30);
  await stuck.hasExit();
  expect(stuck.output === written(file)).toBe(true);
});

test("a lone follower that is stuck for longer than the host's credit goes on where it was", async () => {
  const key = newKey();
  const file = join(world.layout.home, "copy");
  const stuck = new Reader(hive, key, { credit: 50_000, gives: false });
  must(await hive.processes.start(specOf(key, numberedLines(file, "60000"), "terminal")));
  await exitOf(hive, key);
  stuck.subscription.credit(1 << 30);
  await stuck.hasExit();
  expect(stuck.output === written(file)).toBe(true);
});

test("a record longer than the credit is sent whole", async () => {
  const key = newKey();
  must(await hive.processes.start(specOf(key, ["sleep", "1000"])));
  must(await hive.processes.appendMarker(key, { id: "message:1", marker: "message", text: "x".repeat(100_000) }));
  const reader = new Reader(hive, key, { credit: 10 });
  await until(() => reader.has(RecordKind.marker), "the long marker");
  must(await hive.trees.signal(key.sessionId, undefined, "SIGKILL"));
  await reader.hasExit();
  expect(reader.received).toBeGreaterThan(100_000);
});

test("following again from where one came to misses nothing and repeats nothing", async () => {
  const key = newKey();
  const file = join(world.layout.home, "copy");
  must(await hive.processes.start(specOf(key, numberedLines(file, "20000"), "terminal")));
  const records: StreamRecord[] = [];
  let from = 0;
  while (records.at(-1)?.kind !== RecordKind.exit) {
    const reader = new Reader(hive, key, { from, credit: 4096 + (randomBytes(2).readUInt16LE() << 4) });
    await until(() => reader.received > 0, "something more");
    reader.subscription.dispose();
    records.push(...reader.records);
    from = reader.nextOffset;
  }
  expect(outputOnDisk(records) === written(file)).toBe(true);
});

test("the supervisor may change under a flood: the next hive's follower goes on", async () => {
  const key = newKey();
  const file = join(world.layout.home, "copy");
  const first = new Reader(hive, key);
  must(await hive.processes.start(specOf(key, numberedLines(file, "60000"), "terminal")));
  // At once: looked for now and then, it may be found when all of the flood has come.
  await first.hasReceived(1 << 20);
  await hive.close({ endIdleHost: false });
  expect(first.isEnded).toBe(true);
  expect(first.has(RecordKind.exit), "the flood goes on").toBe(false);
  hive = await world.open();
  const second = new Reader(hive, key, { from: first.nextOffset });
  await second.hasExit();
  expect(outputOnDisk([...first.records, ...second.records]) === written(file)).toBe(true);
});

test("the host may be killed under a flood: a follower gets what is on disk, the gap, and the next attempt's nothing", async () => {
  const key = newKey();
  const file = join(world.layout.home, "copy");
  const reader = new Reader(hive, key);
  must(await hive.processes.start(specOf(key, numberedLines(file, "forever"), "terminal")));
  await until(() => reader.received > 1 << 20, "a first MiB");
  const host = new Promise((told) => hive.onHost(told));
  process.kill(world.host().pid, "SIGKILL");
  await host;
  must(await hive.trees.signal(key.sessionId, undefined, "SIGKILL"));
  must(await hive.processes.appendGap(key, { bytes: null, reason: "host-lost" }));
  await until(() => reader.has(RecordKind.gap), "the gap to arrive");
  expect(written(file).startsWith(reader.output)).toBe(true);
  expect(outputOnDisk(recordsOnDisk(world.layout.logs, key.sessionId))).toBe(reader.output);
});

test("what the host drops is told, and following goes on behind it", async () => {
  await hive.setLimits({ sessionLogBytes: 1 << 20, totalLogBytes: 1 << 30 });
  const key = newKey();
  const file = join(world.layout.home, "copy");
  const slow = new Reader(hive, key, { credit: 10_000, gives: false });
  must(await hive.processes.start(specOf(key, numberedLines(file, "60000"), "terminal")));
  await exitOf(hive, key);
  slow.subscription.credit(1 << 30);
  await slow.hasExit();
  expect(slow.dropped).toHaveLength(1);
  const [extent] = must(await hive.streams.list(key.sessionId));
  expect(slow.dropped).toEqual([extent?.firstOffset]);
  expect(written(file).endsWith(slow.output.slice(-100_000))).toBe(true);
});

test("a session that is forgotten ends its followers", async () => {
  const key = newKey();
  must(await hive.processes.start(specOf(key, ["true"])));
  const reader = new Reader(hive, key);
  await reader.hasExit();
  must(await hive.processes.acknowledgeExit(key));
  must(await hive.processes.forgetSession(key.sessionId));
  expect(reader.isEnded).toBe(true);
  expect(must(await hive.streams.list(key.sessionId))).toEqual([]);
});

test.each([["followed"], ["unfollowed"]])(
  "activity of a %s stream is told, rarely, and of its output alone",
  async (which) => {
    const key = newKey();
    const told: number[] = [];
    hive.onActivity((activity) => {
      for (const one of activity) if (one.key.sessionId === key.sessionId) told.push(one.lastOutputMs);
    });
    must(
      await hive.processes.start(
        specOf(key, [
          "sh",
          "-c",
          "read x; i=0; while [ $i -lt 200 ]; do echo $i; sleep 0.005; i=$((i+1)); done; read y",
        ]),
      ),
    );
    const reader = which === "followed" ? new Reader(hive, key) : undefined;
    must(await hive.processes.appendMarker(key, { id: "transition:1", marker: "transition", text: "no output" }));
    await until(() => reader === undefined || reader.has(RecordKind.marker), "the marker");
    expect(told).toEqual([]);
    const begin = Date.now();
    must(await hive.processes.input(key, Buffer.from("\n")));
    await until(
      async () => Buffer.from(must(await hive.streams.read(key, 0, 1 << 20)).bytes).includes("199\n"),
      "the last line",
    );
    const end = Date.now();
    await until(() => (told.at(-1) ?? 0) > end - 300, "the last activity");
    expect(told.length).toBeGreaterThan(2);
    expect(told.length).toBeLessThan((end - begin) / 250 + 3);
    must(await hive.trees.signal(key.sessionId, undefined, "SIGKILL"));
    await exitOf(hive, key);
  },
);

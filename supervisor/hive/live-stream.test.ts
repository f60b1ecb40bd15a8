/** One stream from a scripted host, over real segment files: what the host says late must not be the last word. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ok, type Result } from "../../schemas/fault.ts";
import { SEGMENT_HEADER_BYTES } from "../../schemas/segment.ts";
import { LiveStream } from "./live-stream.ts";
import { StreamOnDisk } from "./segments.fake.ts";
import { FollowerPlace } from "./stream-follower.ts";

const KEY = { sessionId: "abcdefghijkl", process: "main", attempt: 1 };
let logs: string;
beforeEach(() => {
  logs = mkdtempSync(join(tmpdir(), "om-live-"));
});
afterEach(() => rmSync(logs, { recursive: true }));

test("data of a subscription that was given up is news: the host may have no other word of it", async () => {
  const disk = new StreamOnDisk(logs, KEY);
  disk.append({ text: "first" });
  const end = disk.endOffset;
  const asked: ((subscribed: unknown) => void)[] = [];
  let tellAsked = () => {};
  const nextAsk = () => new Promise<void>((resolve) => (tellAsked = resolve));
  const stream = new LiveStream(
    KEY,
    {
      request: <T>() =>
        new Promise<Result<T>>((resolve) => {
          asked.push((subscribed) => resolve(ok(subscribed as T)));
          tellAsked();
        }),
      send: () => {},
    },
    (error) => {
      throw error;
    },
  );
  const seen: number[] = [];
  let tellSecond = () => {};
  const second = new Promise<void>((resolve) => (tellSecond = resolve));
  const place = new FollowerPlace(disk.folder, 0, 1 << 20, {
    onData: ({ offset }) => {
      seen.push(offset);
      if (offset === end) tellSecond();
    },
    onDropped: () => {},
    onEnd: () => {},
  });
  let ask = nextAsk();
  stream.add(place);
  await ask;
  // There was news while the host was asked, and it does not have the stream open: its answer says nothing.
  stream.wake(place);
  ask = nextAsk();
  asked[0]?.({ endOffset: null, live: true });
  await Promise.resolve();
  await Promise.resolve();
  // A record that was not on disk when the files were read comes for the subscription that was given up.
  const record = () => readFileSync(disk.path).subarray(SEGMENT_HEADER_BYTES + end);
  stream.onData(end, Buffer.alloc(16 + "second".length));
  await ask;
  disk.append({ text: "second" });
  expect(record().length).toBe(16 + "second".length);
  asked[1]?.({ endOffset: null, live: true });
  await second;
  expect(seen).toEqual([0, end]);
  stream.remove(place);
});

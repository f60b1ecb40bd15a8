import { beforeEach, expect, test } from "vitest";
import { RecordKind } from "../../schemas/segment.ts";
import { type LastOutput, lastOutput, MOST_RESULT_CHARACTERS } from "./last-output.ts";
import { extentsOf } from "./log-place.ts";
import { memoryStreams, type WrittenStreams } from "./written-streams.fake.ts";

let streams: WrittenStreams;
beforeEach(() => {
  streams = memoryStreams();
});

async function result(): Promise<LastOutput> {
  const extents = await extentsOf(streams, "session", "main");
  const last = extents.ok ? extents.value.at(-1) : undefined;
  if (last === undefined) throw new Error("nothing was written");
  const output = await lastOutput(streams, last);
  if (!output.ok) throw new Error(output.fault.message);
  return output.value;
}
function marker(marker: "message" | "transition"): void {
  streams.write(1, JSON.stringify({ id: `${marker}:1`, marker, text: "something" }), { kind: RecordKind.marker });
}

test("all of the last attempt when nobody has said anything", async () => {
  streams.write(1, "of the first attempt\n");
  streams.write(2, "one\r\n");
  marker("transition");
  streams.write(2, "two without an end");
  expect(await result()).toEqual({ text: "one\ntwo without an end", truncated: false });
});

test("what came since the last message, a half line before it not", async () => {
  streams.write(1, "long ago\n$ ");
  marker("message");
  streams.write(1, "first answer\n$ ");
  marker("message");
  streams.write(1, "second ");
  marker("transition");
  streams.write(1, "answer\n");
  expect(await result()).toEqual({ text: "second answer\n", truncated: false });
});

test("readable: no escape sequences, though records cut them, and of an overwritten line the last state", async () => {
  streams.write(1, "\u001b[31mred\u001b[0m \u001b]0;title\u0007text\n10%\r20%\r30%\n");
  streams.write(1, "cut \u001b[3");
  streams.write(1, "2mhere\n");
  expect(await result()).toEqual({ text: "red text\n30%\ncut here\n", truncated: false });
});

test("what was printed to both channels, in its order; what was typed is none of it", async () => {
  streams.write(1, "out one\n", { kind: RecordKind.stdout });
  streams.write(1, "error\n", { kind: RecordKind.stderr });
  streams.write(1, "typed\n", { kind: RecordKind.stdin });
  streams.write(1, "half of out", { kind: RecordKind.stdout });
  streams.write(1, "error two\n", { kind: RecordKind.stderr });
  expect(await result()).toEqual({ text: "out one\nerror\nerror two\nhalf of out", truncated: false });
});

test("of more than a few screens the end, and it says so", async () => {
  for (let line = 0; line < 3000; line += 1) streams.write(1, `line ${line} ${"x".repeat(40)}\n`);
  const { text, truncated } = await result();
  expect(truncated).toBe(true);
  expect(text.length).toBeLessThanOrEqual(MOST_RESULT_CHARACTERS);
  expect(text.length).toBeGreaterThan(MOST_RESULT_CHARACTERS / 2);
  expect(text.endsWith(`line 2999 ${"x".repeat(40)}\n`)).toBe(true);
});

test("a long log is read from near its end on; a message there makes the answer whole", async () => {
  let read = 0;
  const whole = streams;
  const counting = {
    ...whole,
    async read(...given: Parameters<WrittenStreams["read"]>) {
      const part = await whole.read(...given);
      if (part.ok) read += part.value.bytes.length;
      return part;
    },
  };
  for (let record = 0; record < 4; record += 1) streams.write(1, `${"x".repeat(1_000_000)}\n`);
  for (let record = 0; record < 25; record += 1) streams.write(1, `${"y".repeat(1100)}\n`.repeat(60));
  const before = await result();
  expect(before.truncated).toBe(true);
  marker("message");
  streams.write(1, "the answer\n");
  streams = counting;
  expect(await result()).toEqual({ text: "the answer\n", truncated: false });
  expect(read).toBeLessThan(2 << 20);
});

test("no half of a character at the beginning", async () => {
  streams.write(1, `${"😀".repeat(MOST_RESULT_CHARACTERS)}x\n`);
  const { text } = await result();
  expect(text).not.toMatch(/^[\udc00-\udfff]/);
});

test("what is no longer kept is missing, and said to be", async () => {
  streams.write(1, "gone\n");
  streams.write(1, "kept\n");
  streams.drop(1, 21);
  expect(await result()).toEqual({ text: "kept\n", truncated: true });
});

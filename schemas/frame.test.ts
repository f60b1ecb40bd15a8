import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame, encodeFrameOfJson, type Frame, FrameError, FrameReader, MAX_FRAME_BYTES } from "./frame.ts";

const frames = fc.array(fc.record({ message: fc.jsonValue(), bytes: fc.uint8Array({ maxLength: 300 }) }), {
  maxLength: 8,
});

/** Every cut of `bytes`, as a function of the chunk lengths. */
function chop(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const length of [...lengths, bytes.length]) {
    if (at < bytes.length) chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

function plain(read: readonly Frame[]): { message: unknown; bytes: number[] }[] {
  return read.map(({ message, bytes }) => ({ message, bytes: [...bytes] }));
}

test("what is encoded is read, wherever the stream is cut", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (sent, lengths) => {
      const stream = Buffer.concat(sent.flatMap(({ message, bytes }) => encodeFrame(message, [Buffer.from(bytes)])));
      const reader = new FrameReader();
      const read = chop(stream, lengths).flatMap((chunk) => plain(reader.push(chunk)));
      // JSON has no -0: what is compared went through it.
      const expected = sent.map(({ message, bytes }) => ({
        message: JSON.parse(JSON.stringify(message)) as unknown,
        bytes: [...bytes],
      }));
      expect(read).toEqual(expected);
    }),
  );
});

test("a frame that came byte by byte is read when its last byte is there, and not before", () => {
  const stream = Buffer.concat(encodeFrame({ type: "data", text: "ä€😀" }, [Buffer.from([1, 2, 3])]));
  const reader = new FrameReader();
  const counts = [...stream].map((_, index) => reader.push(stream.subarray(index, index + 1)).length);
  expect(counts).toEqual([...stream].map((_, index) => (index === stream.length - 1 ? 1 : 0)));
});

test("ready JSON makes the same frame as its message", () => {
  const message = { type: "data", offset: 12, text: "ä€😀" };
  expect(Buffer.concat(encodeFrameOfJson(JSON.stringify(message)))).toEqual(Buffer.concat(encodeFrame(message)));
});

test.each([
  ["a length below that of its own second field", 3, 0],
  ["a length of 1 GB", 1 << 30, 2],
  ["the largest length", 0xffff_ffff, 2],
  ["one byte more than is allowed", MAX_FRAME_BYTES + 1, 2],
  ["a JSON part longer than the frame", 100, 97],
])("refuses %s at once, without waiting for its bytes", (_, length, jsonLength) => {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(length, 0);
  prefix.writeUInt32BE(jsonLength, 4);
  expect(() => new FrameReader().push(prefix)).toThrow(FrameError);
});

test("refuses a JSON part that does not parse", () => {
  const frame = Buffer.concat(encodeFrame({ a: 1 }));
  frame[8] = 0x5b;
  expect(() => new FrameReader().push(frame)).toThrow(FrameError);
});

test("refuses to send what no reader would take", () => {
  expect(() => encodeFrame({}, [Buffer.alloc(MAX_FRAME_BYTES)])).toThrow(RangeError);
});

test("any bytes are frames or a FrameError, never another error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        new FrameReader().push(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }),
    { numRuns: 1000 },
  );
});

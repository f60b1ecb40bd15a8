import fc from "fast-check";
import { expect, test } from "vitest";
import { OUTPUT_CONTENT_TYPE } from "../../schemas/protocol-version.ts";
import { encodeMessage, FramingError, type Incoming, MessageReader } from "./framing.ts";

interface Sent {
  readonly bytes: Buffer;
  readonly told: Incoming;
}

const json = fc.jsonValue({ maxDepth: 3 }).map((value): Sent => {
  const message = JSON.parse(JSON.stringify({ value })) as unknown;
  return { bytes: Buffer.from(encodeMessage(message)), told: { json: message } };
});

const output = fc
  .record({
    subscription: fc.nat(0xffff_ffff),
    attempt: fc.nat(0xffff_ffff),
    offset: fc.maxSafeNat(),
    records: fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
  })
  .map((told): Sent => {
    const prefix = Buffer.alloc(16);
    prefix.writeUInt32LE(told.subscription, 0);
    prefix.writeUInt32LE(told.attempt, 4);
    prefix.writeDoubleLE(told.offset, 8);
    const head = `content-type: ${OUTPUT_CONTENT_TYPE}\r\nCONTENT-LENGTH:${16 + told.records.length}\r\n\r\n`;
    return { bytes: Buffer.concat([Buffer.from(head), prefix, told.records]), told: { output: told } };
  });

function readAll(reader: MessageReader, chunks: readonly Buffer[]): Incoming[] {
  const all: Incoming[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let next = reader.next(); next !== undefined; next = reader.next()) all.push(next);
  }
  return all;
}

test("messages arrive as they were sent, wherever the stream is cut", () => {
  const messages = fc.array(fc.oneof(json, output), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sent, lengths) => {
      const stream = Buffer.concat(sent.map(({ bytes }) => bytes));
      const chunks: Buffer[] = [];
      for (let at = 0; at < stream.length; at += chunks.at(-1)?.length ?? 0) {
        chunks.push(stream.subarray(at, at + (lengths[chunks.length % lengths.length] ?? 1)));
      }
      expect(readAll(new MessageReader(), chunks)).toEqual(sent.map(({ told }) => told));
    }),
  );
});

test("every single cut, and byte by byte", () => {
  const told = { id: 1, result: { text: "ä€😀" } };
  const stream = Buffer.from(encodeMessage(told) + encodeMessage(told));
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const chunks = [stream.subarray(0, cut), stream.subarray(cut)];
    expect(readAll(new MessageReader(), chunks)).toEqual([{ json: told }, { json: told }]);
  }
  const bytes = [...stream].map((byte) => Buffer.from([byte]));
  expect(readAll(new MessageReader(), bytes)).toEqual([{ json: told }, { json: told }]);
});

test.each([
  ["a length of a gigabyte", "Content-Length: 1073741824\r\n\r\n"],
  ["a negative length", "Content-Length: -1\r\n\r\n"],
  ["no length", "Content-Type: x\r\n\r\n"],
  ["a header that never ends", "x".repeat(5000)],
  ["a body that is no JSON", "Content-Length: 3\r\n\r\n{a}"],
  ["output without its prefix", `Content-Type: ${OUTPUT_CONTENT_TYPE}\r\nContent-Length: 15\r\n\r\n${"x".repeat(15)}`],
])("%s is no message", (_, text) => {
  const reader = new MessageReader();
  reader.push(Buffer.from(text));
  expect(() => reader.next()).toThrow(FramingError);
});

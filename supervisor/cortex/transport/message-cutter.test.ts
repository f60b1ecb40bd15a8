import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_HEADER_BYTES, MAX_REQUEST_BYTES } from "../../../schemas/protocol-version.ts";
import { MAX_HELLO_BYTES, MessageCutter, UnreadableError } from "./message-cutter.ts";

const framed = (body: Buffer) => Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]);

function cutAll(cutter: MessageCutter, chunks: readonly Buffer[]): Buffer[] {
  const bodies: Buffer[] = [];
  for (const chunk of chunks) {
    cutter.push(chunk);
    for (let body = cutter.next(); body !== undefined; body = cutter.next()) bodies.push(Buffer.from(body));
  }
  return bodies;
}

test("however the bytes are cut on their way, the bodies are the same", () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (given, sizes) => {
      const sent = given.map((body) => Buffer.from(body));
      const wire = Buffer.concat(sent.map(framed));
      const chunks: Buffer[] = [];
      for (let at = 0, turn = 0; at < wire.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        chunks.push(wire.subarray(at, at + size));
        at += size;
      }
      expect(cutAll(new MessageCutter(), chunks)).toEqual(sent);
    }),
  );
});

test("a large body in small pieces is gathered whole", () => {
  const first = framed(Buffer.from("{}"));
  const body = Buffer.alloc(3_000_000, "0123456789");
  const wire = Buffer.concat([first, framed(body)]);
  const chunks = Array.from({ length: Math.ceil(wire.length / 1000) }, (_, at) =>
    wire.subarray(at * 1000, at * 1000 + 1000),
  );
  expect(cutAll(new MessageCutter(), chunks)[1]?.equals(body)).toBe(true);
});

test.each([
  ["no length", "Content-Type: application/vscode-jsonrpc\r\n\r\n"],
  ["no headers", "\r\n\r\n"],
  ["a negative length", "Content-Length: -1\r\n\r\n"],
  ["a length that is no number", "Content-Length: NaN\r\n\r\n"],
  ["an empty length", "Content-Length:\r\n\r\n"],
  ["a hexadecimal length", "Content-Length: 0x10\r\n\r\n"],
  ["a length with a sign", "Content-Length: +10\r\n\r\n"],
  ["a length with a fraction", "Content-Length: 10.5\r\n\r\n"],
  ["a gigabyte", "Content-Length: 1073741824\r\n\r\n"],
  ["a length beyond all numbers", `Content-Length: ${"9".repeat(400)}\r\n\r\n`],
  ["a length twice", "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"],
  ["a length twice, written differently", "Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}"],
  ["another type", "Content-Length: 2\r\nContent-Type: text/html\r\n\r\n{}"],
  ["another charset", "Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-16\r\n\r\n{}"],
  ["no colon", "Content-Length 2\r\n\r\n{}"],
  ["a space before the colon", "Content-Length : 2\r\n\r\n{}"],
  ["a control character", "Content-Length: 2\r\nX: \0\r\n\r\n{}"],
  ["HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["headers without an end", "X".repeat(MAX_HEADER_BYTES + 1)],
  ["long headers", `Content-Length: 2\r\nX: ${"x".repeat(MAX_HEADER_BYTES)}\r\n\r\n{}`],
])("%s is unreadable", (_what, text) => {
  expect(() => cutAll(new MessageCutter(), [Buffer.from(text, "latin1")])).toThrow(UnreadableError);
});

test.each([
  ["content-LENGTH:2\r\n\r\n{}"],
  ["Content-Length: 2  \r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}"],
  ["Content-Type: application/vscode-jsonrpc;charset=utf8\r\nX-Unknown: is passed over\r\nContent-Length: 2\r\n\r\n{}"],
])("%j is read", (text) => {
  expect(cutAll(new MessageCutter(), [Buffer.from(text)]).map(String)).toEqual(["{}"]);
});

test("the bound is the hello's for the first message, and the request's from then on", () => {
  const declared = (bytes: number) => Buffer.from(`Content-Length: ${bytes}\r\n\r\n`);
  expect(() => cutAll(new MessageCutter(), [declared(MAX_HELLO_BYTES + 1)])).toThrow(UnreadableError);
  expect(cutAll(new MessageCutter(), [declared(MAX_HELLO_BYTES)])).toEqual([]);
  const greeted = new MessageCutter();
  cutAll(greeted, [framed(Buffer.from("{}"))]);
  expect(cutAll(greeted, [declared(MAX_REQUEST_BYTES)])).toEqual([]);
  const other = new MessageCutter();
  cutAll(other, [framed(Buffer.from("{}"))]);
  expect(() => cutAll(other, [declared(MAX_REQUEST_BYTES + 1)])).toThrow(UnreadableError);
});

test("a length that is only declared takes no memory", () => {
  const before = process.memoryUsage().arrayBuffers;
  const cutters = Array.from({ length: 200 }, () => {
    const cutter = new MessageCutter();
    cutAll(cutter, [framed(Buffer.from("{}")), Buffer.from(`Content-Length: ${MAX_REQUEST_BYTES}\r\n\r\n{`)]);
    return cutter;
  });
  expect(cutters.length).toBe(200);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_NESTING } from "../../../schemas/protocol-version.ts";
import { nestsTooDeep, parseMessage } from "./parse-message.ts";

const parse = (text: string) => parseMessage(Buffer.from(text));
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

test.each([
  ["", -32700, null],
  ["{", -32700, null],
  ["NaN", -32700, null],
  ["[]", -32600, null],
  ['[{"jsonrpc":"2.0","id":1,"method":"m"}]', -32600, null],
  ["null", -32600, null],
  ["7", -32600, null],
  ["{}", -32600, null],
  ['{"jsonrpc":"1.0","id":3,"method":"m"}', -32600, 3],
  ['{"jsonrpc":"2.0","id":3}', -32600, 3],
  ['{"jsonrpc":"2.0","id":3,"method":7}', -32600, 3],
  ['{"jsonrpc":"2.0","id":3,"method":""}', -32600, 3],
  ['{"jsonrpc":"2.0","id":"a","method":"m","params":[1]}', -32600, "a"],
  ['{"jsonrpc":"2.0","id":"a","method":"m","params":null}', -32600, "a"],
  ['{"jsonrpc":"2.0","id":null,"method":"m"}', -32600, null],
  ['{"jsonrpc":"2.0","id":1.5,"method":"m"}', -32600, null],
  ['{"jsonrpc":"2.0","id":1e400,"method":"m"}', -32600, null],
  ['{"jsonrpc":"2.0","id":{},"method":"m"}', -32600, null],
  [`{"jsonrpc":"2.0","id":"${"x".repeat(101)}","method":"m"}`, -32600, null],
  [`{"jsonrpc":"2.0","id":1,"method":"${"x".repeat(101)}"}`, -32600, 1],
  ['{"jsonrpc":"2.0","method":"$/cancelRequest"}', -32600, null],
  ['{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":null}}', -32600, null],
  [`{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":${nested(MAX_NESTING)}}}`, -32600, null],
])("%j is refused with %i, for %j", (text, code, id) => {
  expect(parse(text)).toMatchObject({ kind: "refused", code, id });
});

test("bytes that are no UTF-8 are refused", () => {
  const body = Buffer.concat([
    Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"}'),
  ]);
  expect(parseMessage(body)).toMatchObject({ kind: "refused", code: -32700 });
});

test.each([
  [
    '{"jsonrpc":"2.0","id":1,"method":"m"}',
    { kind: "request", id: 1, message: { jsonrpc: "2.0", id: 1, method: "m" } },
  ],
  [
    '{"jsonrpc":"2.0","id":"a","method":"m","params":{},"more":1}',
    { kind: "request", id: "a", message: { jsonrpc: "2.0", id: "a", method: "m", params: {} } },
  ],
  ['{"jsonrpc":"2.0","method":"m"}', { kind: "notification", message: { jsonrpc: "2.0", method: "m" } }],
  [
    '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"a"}}',
    { kind: "cancellation", id: "a", message: { jsonrpc: "2.0", method: "$/cancelRequest", params: { id: "a" } } },
  ],
  ['{"jsonrpc":"2.0","id":1,"result":7}', { kind: "ignored" }],
])("%s is a message", (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test("the scan counts as JSON.parse would, whatever the strings hold", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const depth = (value: unknown): number =>
        typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
      const missing = MAX_NESTING - depth(JSON.parse(text));
      const wrapped = (layers: number) => Buffer.from(`${"[".repeat(layers)}${text}${"]".repeat(layers)}`);
      expect(nestsTooDeep(wrapped(missing))).toBe(false);
      expect(nestsTooDeep(wrapped(missing + 1))).toBe(true);
    }),
  );
});

test("a hundred thousand brackets are refused, not recursed into", () => {
  expect(parse(nested(100_000))).toMatchObject({ kind: "refused" });
  expect(parse('{"a":'.repeat(100_000))).toMatchObject({ kind: "refused" });
});

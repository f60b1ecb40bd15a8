import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  MAX_RECORD_BYTES,
  parseRecords,
  parseSegmentFileName,
  parseStreamFolderName,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentFileName,
  streamFolderName,
  writeRecordHeader,
} from "./segment.ts";

interface Written {
  readonly kind: number;
  readonly sequence: number;
  readonly timeMs: number;
  readonly payload: Uint8Array;
}

const record = fc.record({
  kind: fc.integer({ min: 1, max: 255 }),
  sequence: fc.integer({ min: 0, max: 0xffff }),
  timeMs: fc.integer({ min: 0, max: 8.64e15 }),
  payload: fc.uint8Array({ maxLength: 200 }),
});
const records = fc.array(record, { maxLength: 10 });

function encode({ kind, sequence, timeMs, payload }: Written): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + payload.length);
  writeRecordHeader(bytes, 0, { kind, sequence, length: payload.length, timeMs });
  bytes.set(payload, RECORD_HEADER_BYTES);
  return bytes;
}

test("what is written is read, with its offset in the stream", () => {
  fc.assert(
    fc.property(records, fc.integer({ min: 0, max: 2 ** 50 }), (written, base) => {
      const parts = written.map(encode);
      const parsed = parseRecords(Buffer.concat(parts), base);
      let offset = base;
      const expected = written.map((one, index) => {
        const at = offset;
        offset += parts[index]?.length ?? 0;
        return { ...one, offset: at, payload: [...one.payload] };
      });
      expect(parsed.records.map((one) => ({ ...one, payload: [...one.payload] }))).toEqual(expected);
      expect(parsed.consumed).toBe(offset - base);
      expect(parsed.corrupt).toBe(false);
    }),
  );
});

test("cut anywhere, the whole records before the cut are read and no more", () => {
  fc.assert(
    fc.property(records, fc.nat(), (written, cut) => {
      const parts = written.map(encode);
      const whole = Buffer.concat(parts);
      const torn = whole.subarray(0, whole.length === 0 ? 0 : cut % whole.length);
      let expected = 0;
      for (const part of parts) {
        if (expected + part.length > torn.length) break;
        expected += part.length;
      }
      const { consumed, corrupt } = parseRecords(torn, 0);
      expect({ consumed, corrupt }).toEqual({ consumed: expected, corrupt: false });
    }),
  );
});

test.each([
  ["zeros, as a file system leaves them behind a crash", Buffer.alloc(64)],
  ["a length of 1 GB", header(1, 1 << 30)],
  ["one byte more than a record may have", header(1, MAX_RECORD_BYTES + 1)],
  ["the largest length", header(1, 0xffff_ffff)],
])("is corrupt: %s", (_, tail) => {
  const first = encode({ kind: 1, sequence: 0, timeMs: 1, payload: Buffer.from("ok") });
  const { records: read, consumed, corrupt } = parseRecords(Buffer.concat([first, tail]), 0);
  expect({ read: read.length, consumed, corrupt }).toEqual({ read: 1, consumed: first.length, corrupt: true });
});

test("any bytes are parsed without an error, and no record reaches beyond them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { records: read, consumed } = parseRecords(Buffer.from(bytes), 7);
      expect(consumed).toBeLessThanOrEqual(bytes.length);
      expect(read.reduce((sum, one) => sum + RECORD_HEADER_BYTES + one.payload.length, 0)).toBe(consumed);
    }),
    { numRuns: 1000 },
  );
});

test("a segment's header and name say its base offset", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_007_199_254_740_991 }), (base) => {
      expect(decodeSegmentHeader(encodeSegmentHeader(base))).toBe(base);
      expect(parseSegmentFileName(segmentFileName(base))).toBe(base);
    }),
  );
});

test("what is no segment is none", () => {
  const good = encodeSegmentHeader(5);
  expect(decodeSegmentHeader(good.subarray(0, SEGMENT_HEADER_BYTES - 1))).toBeUndefined();
  for (let at = 0; at < 8; at += 1) {
    const bad = Buffer.from(good);
    bad[at] = 0;
    expect(decodeSegmentHeader(bad), `byte ${at} of the magic`).toBeUndefined();
  }
  for (const base of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
    const bad = Buffer.from(good);
    bad.writeDoubleLE(base, 8);
    expect(decodeSegmentHeader(bad), `base ${base}`).toBeUndefined();
  }
  for (const name of ["1.seg", "00000000000000001.seg", "0000000000000001.seg~", "aaaaaaaaaaaaaaaa.seg"]) {
    expect(parseSegmentFileName(name), name).toBeUndefined();
  }
});

test("any process name makes a folder name of its own, which says it again", () => {
  const key = fc.record({
    process: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    attempt: fc.integer({ min: 1, max: 999_999_999 }),
  });
  fc.assert(
    fc.property(key, (one) => {
      const name = streamFolderName(one);
      expect(parseStreamFolderName(name)).toEqual(one);
      expect(name).not.toMatch(/[/\\\0]|^\.{1,2}$/);
    }),
  );
  for (const name of ["main", "main@", "@1", "main@x", "%E0%A4%A@1"])
    expect(parseStreamFolderName(name), name).toBeUndefined();
});

function header(kind: number, length: number): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES);
  writeRecordHeader(bytes, 0, { kind, sequence: 0, length, timeMs: 1 });
  return bytes;
}

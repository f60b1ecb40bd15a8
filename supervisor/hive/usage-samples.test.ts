import { expect, test } from "vitest";
import type { ProcessEntry } from "./os/process-table.ts";
import { UsageSamples } from "./usage-samples.ts";

const ID = "abcdefghijkl";
const entry = (pid: number, cpuSeconds: number) => ({ pid, startTime: "1", cpuSeconds }) as ProcessEntry;
const io = (readBytes: number, writtenBytes: number) => ({ readBytes, writtenBytes });

test("bytes a second since the last sample; the first has none", () => {
  const samples = new UsageSamples();
  expect(samples.io(ID, [io(1000, 50)], 0)).toEqual({});
  expect(samples.io(ID, [io(3000, 50), io(500, 100)], 2000)).toEqual({
    readBytesPerSecond: 1250,
    writtenBytesPerSecond: 50,
  });
});

test("what a child has moved is not counted again when its parent has waited for it", () => {
  const samples = new UsageSamples();
  samples.io(ID, [io(0, 0), io(1000, 1000)], 0);
  expect(samples.io(ID, [io(1000, 1000)], 1000)).toEqual({ readBytesPerSecond: 0, writtenBytesPerSecond: 0 });
});

test("what ended without a parent of ours takes its counts along, and no rate is negative", () => {
  const samples = new UsageSamples();
  samples.io(ID, [io(0, 0), io(1000, 1000)], 0);
  expect(samples.io(ID, [io(0, 10)], 1000)).toEqual({ readBytesPerSecond: 0, writtenBytesPerSecond: 0 });
});

test("where nothing can be read, nothing is told; what cannot be read of some is left out", () => {
  const samples = new UsageSamples();
  expect(samples.io(ID, [undefined], 0)).toEqual({});
  samples.io(ID, [io(0, 0), undefined], 1000);
  expect(samples.io(ID, [undefined, io(100, 0)], 2000)).toEqual({ readBytesPerSecond: 100, writtenBytesPerSecond: 0 });
});

test("a sample too soon after the last repeats its rates", () => {
  const samples = new UsageSamples();
  samples.io(ID, [io(0, 0)], 0);
  const rates = samples.io(ID, [io(100, 0)], 1000);
  expect(samples.io(ID, [io(900, 900)], 1050)).toEqual(rates);
  samples.cpu(ID, [entry(1, 0)], 0);
  expect(samples.cpu(ID, [entry(1, 0.25), entry(2, 0.25)], 1000)).toBe(0.5);
  expect(samples.cpu(ID, [entry(1, 1)], 1100)).toBe(0.5);
});

test("a session that was forgotten begins anew", () => {
  const samples = new UsageSamples();
  samples.io(ID, [io(0, 0)], 0);
  samples.forget(ID);
  expect(samples.io(ID, [io(100, 0)], 1000)).toEqual({});
  samples.forgetOld(1000 + 10 * 60_000 + 1);
  expect(samples.io(ID, [io(200, 0)], 700_000)).toEqual({});
});

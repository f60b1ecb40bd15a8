import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeByTime, type Timed } from "./time-merge.ts";

interface Item extends Timed {
  readonly from: number;
  readonly index: number;
}

test("whatever the sizes of batches, all comes out once, in order of time, each log in its own order", async () => {
  const log = fc.array(fc.array(fc.nat(50), { maxLength: 5 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(log, { minLength: 1, maxLength: 4 }), async (logs) => {
      const merged: Item[] = [];
      const inputs = mergeByTime<Item>(logs.length, async (items) => void merged.push(...items));
      await Promise.all(
        logs.map(async (batches, from) => {
          const times = batches.flat().sort((a, b) => a - b);
          let index = 0;
          for (const batch of batches) {
            await inputs[from]?.push(batch.map(() => ({ from, index, timeMs: times[index++] ?? 0 })));
          }
          await inputs[from]?.end();
        }),
      );
      expect(merged.length).toBe(logs.flat(2).length);
      expect(merged.map((item) => item.timeMs)).toEqual(logs.flat(2).sort((a, b) => a - b));
      logs.forEach((_, from) => {
        const indexes = merged.filter((item) => item.from === from).map((item) => item.index);
        expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
      });
    }),
  );
});

test("an input waits until what it pushed is given out", async () => {
  const merged: number[] = [];
  const [early, late] = mergeByTime<Timed>(2, async (items) => void merged.push(...items.map((item) => item.timeMs)));
  let lateIsOut = false;
  const pushed = late?.push([{ timeMs: 9 }]).then(() => {
    lateIsOut = true;
  });
  await early?.push([{ timeMs: 1 }]);
  expect(merged).toEqual([1]);
  expect(lateIsOut).toBe(false);
  await early?.end();
  await pushed;
  expect(merged).toEqual([1, 9]);
});

test("a failing output fails the one that pushes", async () => {
  const [only] = mergeByTime<Timed>(1, () => Promise.reject(new Error("nobody reads")));
  await expect(only?.push([{ timeMs: 1 }])).rejects.toThrow("nobody reads");
});

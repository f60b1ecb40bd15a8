/** Samples are shared within a second; what costs more is asked for by those alone who want it. */
import { beforeEach, expect, test } from "vitest";
import { ok } from "../../schemas/fault.ts";
import { createFakeHive } from "../../test/fakes/fake-hive.ts";
import { createMemoryStore } from "../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { startUsageSampler, type UsageSampler } from "./usage.ts";

let clock: MovedClock;
let sampler: UsageSampler;
/** Whether each sample that was taken was one with I/O. */
let taken: boolean[];
beforeEach(() => {
  clock = createMovedClock();
  const store = createMemoryStore();
  const hive = createFakeHive({ now: clock.now });
  taken = [];
  const trees = {
    ...hive.trees,
    usage: (sessions: readonly { readonly sessionId: string }[], { io }: { readonly io: boolean }) => {
      taken.push(io);
      const rates = io ? { readBytesPerSecond: 1, writtenBytesPerSecond: 2 } : {};
      return Promise.resolve(
        ok(
          sessions.map(({ sessionId }) => ({
            sessionId,
            cpu: taken.length,
            memoryBytes: 1,
            processes: 1,
            atMs: clock.now(),
            ...rates,
          })),
        ),
      );
    },
  };
  const main = { pid: 7, startTime: "1" };
  store.createSession(sessionRecord({ id: "otter", observed: { attempt: 1, main } }), "test");
  sampler = startUsageSampler({ store, hive: { ...hive, trees }, clock, log: { info() {}, warn() {}, error() {} } });
});

const rates = async (options?: { readonly io: boolean }) => (await sampler.sample(options)).get("otter");

test("several who look within a second share one sample", async () => {
  await Promise.all([sampler.sample(), sampler.sample()]);
  await sampler.sample();
  expect(taken).toEqual([false]);
  clock.advance(1000);
  await sampler.sample();
  expect(taken).toEqual([false, false]);
});

test("whoever asks for I/O gets it, from a sample with it, though one without is fresh or under way", async () => {
  const [without, withIo] = await Promise.all([rates(), rates({ io: true })]);
  expect(without?.readBytesPerSecond).toBeUndefined();
  expect(withIo).toMatchObject({ readBytesPerSecond: 1, writtenBytesPerSecond: 2 });
  expect(taken).toEqual([false, true]);
  expect(await rates()).toMatchObject({ readBytesPerSecond: 1 });
  expect(taken).toEqual([false, true]);
  clock.advance(1000);
  expect((await rates())?.readBytesPerSecond).toBeUndefined();
  await Promise.all([rates({ io: true }), rates({ io: true })]);
  expect(taken).toEqual([false, true, false, true]);
});

test("of I/O a second look soon after the first brings rates of its own", async () => {
  await rates({ io: true });
  clock.advance(199);
  await rates({ io: true });
  expect(taken).toEqual([true]);
  clock.advance(1);
  await rates({ io: true });
  expect(taken).toEqual([true, true]);
});

test("nobody looks: a sample now and then, without I/O", () => {
  clock.advance(60_000);
  expect(taken).toEqual([false]);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { hasEnded } from "../core/session.ts";
import { MessageWorld } from "./message-world.fake.ts";

/** Enough for every message of a life to be held back, refused and typed. */
const MOST_LOOKS = 300;

type Happening =
  | { readonly type: "step"; readonly count: number }
  | { readonly type: "send"; readonly now: boolean }
  | { readonly type: "time"; readonly ms: number }
  | { readonly type: "notice"; readonly startsAgain: boolean }
  | { readonly type: "noise"; readonly on: boolean }
  | { readonly type: "ports"; readonly broken: boolean }
  | {
      readonly type:
        | "finish-tick"
        | "supervisor-killed"
        | "host-works"
        | "output"
        | "exit"
        | "close-input"
        | "stop"
        | "remove"
        | "host-lost";
    };

const only = <T extends string>(...types: T[]) => fc.record({ type: fc.constantFrom(...types) });
const calm: fc.Arbitrary<Happening>[] = [
  fc.record({ type: fc.constant("step" as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ type: fc.constant("step" as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ type: fc.constant("send" as const), now: fc.boolean() }),
  fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(1, 100, 1_500, 10_000) }),
  fc.record({ type: fc.constant("noise" as const), on: fc.boolean() }),
  fc.record({ type: fc.constant("ports" as const), broken: fc.boolean() }),
  only("supervisor-killed", "finish-tick", "host-works", "output"),
  only("supervisor-killed", "finish-tick"),
];
const exits: fc.Arbitrary<Happening>[] = [
  only("exit", "close-input"),
  fc.record({ type: fc.constant("notice" as const), startsAgain: fc.boolean() }),
  fc.record({ type: fc.constant("notice" as const), startsAgain: fc.constant(true) }),
];
const ends: fc.Arbitrary<Happening>[] = [only("stop", "remove", "host-lost")];

const life = (...kinds: fc.Arbitrary<Happening>[]) =>
  fc.record({
    stdio: fc.constantFrom("terminal" as const, "pipes" as const),
    happenings: fc.array(fc.oneof(...kinds), { maxLength: 40, size: "max" }),
  });
const RUNS = { numRuns: 1_500 };

async function live(world: MessageWorld, happenings: readonly Happening[]): Promise<void> {
  for (const one of happenings) await happen(world, one);
}

async function happen(world: MessageWorld, one: Happening): Promise<void> {
  switch (one.type) {
    case "step":
      for (let n = 0; n < one.count; n += 1) await world.step();
      break;
    case "finish-tick":
      await world.finish();
      break;
    case "supervisor-killed":
      world.kill();
      break;
    case "host-works":
      world.work();
      break;
    case "send":
      world.send(one);
      break;
    case "time":
      world.nowMs += one.ms;
      break;
    case "noise":
      world.noisy = one.on;
      break;
    case "ports":
      world.broken = one.broken;
      break;
    case "output":
      world.output();
      break;
    case "exit":
      world.exit();
      break;
    case "close-input":
      world.closeInput();
      break;
    case "notice":
      world.notice(one);
      break;
    case "stop":
      world.stop();
      break;
    case "remove":
      world.remove();
      break;
    case "host-lost":
      world.loseHost();
      break;
  }
}

/** Nothing happens any more but time, and that the session's own controller does its part. */
async function settle(world: MessageWorld): Promise<void> {
  world.broken = false;
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const outcome = await world.finish();
    const writes = world.writes.length;
    world.notice({ startsAgain: true });
    if (outcome.type === "done" || outcome.type === "stuck") {
      if (world.unsettled().length > 0) continue;
      expect(await world.finish(), "looking again finds the same").toEqual(outcome);
      expect(world.writes.slice(writes), "looking again does nothing").toEqual([]);
      return;
    }
    world.nowMs += outcome.type === "again" ? outcome.afterMs : 100;
  }
  throw new Error(`no rest after ${MOST_LOOKS} looks: ${world.writes.slice(-6).join(", ")}`);
}

function checkTyped(world: MessageWorld): void {
  for (const { id, state } of world.messages) {
    const typed = world.typed.filter((one) => one.id === id);
    if (state === "delivered") expect(typed, `${id}, delivered, was typed whole`).toMatchObject([{ whole: true }]);
    if (state === "failed") expect(typed, `${id}, failed, was not typed`).toEqual([]);
  }
}

test("whatever happens, each message is settled, typed at most once, in its turn, and what is said of it is true", async () => {
  await fc.assert(
    fc.asyncProperty(life(...calm, ...exits, ...ends), async ({ stdio, happenings }) => {
      const world = new MessageWorld(stdio);
      await live(world, happenings);
      await settle(world);
      checkTyped(world);
    }),
    RUNS,
  );
});

test("while its host lives and its programs run, each message is typed exactly once, whole, over supervisor deaths", async () => {
  await fc.assert(
    fc.asyncProperty(life(...calm), async ({ stdio, happenings }) => {
      const world = new MessageWorld(stdio);
      await live(world, happenings);
      await settle(world);
      expect(world.messages.map(({ state }) => state)).toEqual(world.messages.map(() => "delivered"));
      expect(world.typed.map(({ id }) => id).sort()).toEqual(world.messages.map(({ id }) => id).sort());
      for (const now of [true, false]) {
        const sent = world.messages.filter((message) => message.now === now).map(({ id }) => id);
        const typed = world.typed.filter(({ id }) => sent.includes(id)).map(({ id }) => id);
        expect(typed, "in order").toEqual(sent);
      }
    }),
    RUNS,
  );
});

test("while its host lives, only what was cut by its program's own end is unconfirmed, and nothing is lost that may yet be typed", async () => {
  await fc.assert(
    fc.asyncProperty(life(...calm, ...exits), async ({ stdio, happenings }) => {
      const world = new MessageWorld(stdio);
      const comesBack = happenings.filter((one) => one.type !== "close-input" && one.type !== "notice");
      const noticed: Happening[] = comesBack.flatMap((one) =>
        one.type === "exit" ? [one, { type: "notice", startsAgain: true }] : [one],
      );
      await live(world, noticed);
      await settle(world);
      checkTyped(world);
      expect(hasEnded(world.session?.observed.phase ?? "STOPPED")).toBe(false);
      for (const { id, state } of world.messages) {
        expect(state, `${id} was not refused for good`).not.toBe("failed");
        if (state === "unconfirmed")
          expect(world.typed.filter((one) => one.id === id)).toMatchObject([{ whole: false }]);
      }
    }),
    RUNS,
  );
});

test("a session that never falls silent gets its message after ten seconds, and what stood behind it with it", async () => {
  const world = new MessageWorld("terminal");
  world.noisy = true;
  world.output();
  const sentAtMs = world.nowMs;
  world.send({ now: false });
  world.nowMs += 5_000;
  world.send({ now: false });
  expect(await world.finish()).toEqual({ type: "again", afterMs: 5_000 });
  world.nowMs = sentAtMs + 9_999;
  expect(await world.finish()).toEqual({ type: "again", afterMs: 1 });
  expect(world.typed).toEqual([]);
  world.nowMs += 1;
  await settle(world);
  expect(world.nowMs, "the second did not wait for its own ten seconds").toBe(sentAtMs + 10_000);
  expect(world.typed.map(({ id }) => id)).toEqual(["m1", "m2"]);
});

test("what is sent after a queue has gone out waits for the next silence", async () => {
  const world = new MessageWorld("terminal");
  world.nowMs += 2_000;
  world.send({ now: false });
  await settle(world);
  world.nowMs += 1;
  world.send({ now: false });
  expect(await world.finish()).toEqual({ type: "again", afterMs: 9_999 + 1 });
  expect(world.typed.map(({ id }) => id)).toEqual(["m1"]);
});

test("now goes before those that wait, and does not make them go", async () => {
  const world = new MessageWorld("terminal");
  world.noisy = true;
  world.output();
  world.send({ now: false });
  world.send({ now: true });
  expect(await world.finish()).toMatchObject({ type: "again" });
  expect(world.messages.map(({ state }) => state)).toEqual(["queued", "delivered"]);
});

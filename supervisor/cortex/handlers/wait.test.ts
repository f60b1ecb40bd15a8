/** session/wait: answered when the session is there, and not before. */
import { beforeEach, expect, test } from "vitest";
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import type { Result } from "../../../schemas/fault.ts";
import { CalledHandlers, turn } from "./called-handlers.fake.ts";
import { waitHandler } from "./wait.ts";

let world: CalledHandlers;
beforeEach(() => {
  world = new CalledHandlers();
  world.make("otter");
});

/** What was answered, or undefined while it waits. */
function wait(until: Params<"session/wait">["until"], more: Partial<Params<"session/wait">> = {}) {
  const waiting: { answer?: Result<ResultOf<"session/wait">> } = {};
  void world.call(waitHandler(world.services), { session: "otter", until, ...more }).then((answer) => {
    waiting.answer = answer;
  });
  return async () => {
    await turn();
    return waiting.answer;
  };
}
function restartAsked(afterAttempt: number): void {
  const restart = { afterAttempt, graceMs: 1, requestedAtMs: 1, by: "the user" };
  world.store.changeSession("otter", world.now("otter").revision, { desired: { state: "running", restart } });
}

test("ended: not while a further start is due, in BACKOFF and in line", async () => {
  const answer = wait("ended");
  for (const phase of ["BACKOFF", "PENDING", "STARTING", "RUNNING", "STOPPING"] as const) {
    world.become("otter", phase);
    expect(await answer()).toBeUndefined();
  }
  world.become("otter", "CRASHED");
  expect(await answer()).toMatchObject({ value: { session: { phase: "CRASHED" }, timedOut: false } });
});

test("ended: not of one that has ended and is asked to start again, until nobody wants it any more", async () => {
  world.become("otter", "COMPLETED");
  restartAsked(1);
  const answer = wait("ended");
  expect(await answer()).toBeUndefined();
  world.store.changeSession("otter", world.now("otter").revision, { desired: { state: "running" } });
  expect(await answer()).toMatchObject({ value: { session: { phase: "COMPLETED" } } });
});

test("started: the start that is named, not the one before it", async () => {
  restartAsked(1);
  const [named, any] = [wait("started", { attempt: 2 }), wait("started")];
  expect(await any()).toMatchObject({ ok: true });
  for (const phase of ["STOPPING", "BACKOFF"] as const) {
    world.become("otter", phase);
    expect(await named()).toBeUndefined();
  }
  world.become("otter", "STARTING", { attempt: 2 });
  expect(await named()).toBeUndefined();
  world.become("otter", "RUNNING");
  expect(await named()).toMatchObject({ value: { session: { attempt: 2, phase: "RUNNING" } } });
});

test("started: a start that crashed at once has been", async () => {
  restartAsked(1);
  const answer = wait("started", { attempt: 2 });
  world.become("otter", "STARTING", { attempt: 2 });
  world.become("otter", "BACKOFF");
  expect(await answer()).toMatchObject({ value: { session: { attempt: 2, phase: "BACKOFF" } } });
});

test("started: a start that nobody wants any more is waited for no longer", async () => {
  restartAsked(1);
  const answer = wait("started", { attempt: 2 });
  world.become("otter", "STOPPING");
  expect(await answer()).toBeUndefined();
  const stopped = { state: "stopped", mode: "stop", graceMs: 1, requestedAtMs: 1, by: "x" } as const;
  world.store.changeSession("otter", world.now("otter").revision, { desired: stopped });
  world.become("otter", "STOPPED");
  expect(await answer()).toMatchObject({ value: { session: { attempt: 1, phase: "STOPPED" }, timedOut: false } });
});

test("gives up in its time, and leaves nothing behind", async () => {
  const answer = wait("ended", { timeoutMs: 500 });
  expect(await answer()).toBeUndefined();
  world.clock.advance(500);
  expect(await answer()).toMatchObject({ value: { timedOut: true, session: { phase: "RUNNING" } } });
  expect(world.clock.nextTimerMs()).toBeUndefined();
});

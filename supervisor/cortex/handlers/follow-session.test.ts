/** session/follow: all that happens from the snapshot on, once and in order, until the end. */
import { beforeEach, expect, test } from "vitest";
import { notifications } from "../../../schemas/client-protocol.ts";
import { CalledHandlers, inside, PERSON, turn } from "./called-handlers.fake.ts";
import { followSessionHandlers } from "./follow-session.ts";

let world: CalledHandlers;
let handlers: ReturnType<typeof followSessionHandlers>;
beforeEach(() => {
  world = new CalledHandlers();
  handlers = followSessionHandlers(world.services);
  world.make("otter");
  world.make("stranger");
});

async function follow(session = "otter"): Promise<number> {
  const answer = await world.call(handlers["session/follow"], { session });
  if (!answer.ok) throw new Error(answer.fault.message);
  return answer.value.subscription;
}
function message(id: string): void {
  world.store.createMessage({
    id,
    sessionId: "otter",
    sequence: 0,
    createdAtMs: world.clock.now(),
    by: "the user",
    text: "hello",
    keys: [],
    enter: true,
    now: false,
    state: "queued",
    reason: "sent by the user",
    revision: 0,
  });
}
function delivered(id: string): void {
  const revision = world.store.message(id)?.revision ?? 0;
  world.store.changeMessage(id, revision, { state: "delivered", reason: "typed", atMs: world.clock.now() });
}
/** What it was told, in short. */
function told(): string[] {
  return world.connection.changes.map((change) => {
    switch (change.type) {
      case "transition":
        return change.to;
      case "activity":
        return change.activity;
      case "message":
        return `${change.message.id} ${change.message.state}`;
      default:
        return change.type;
    }
  });
}

test("transitions, activity and messages in the order in which they happened, none of another's", async () => {
  const answer = await world.call(handlers["session/follow"], { session: "otter" });
  expect(answer).toMatchObject({ value: { session: { id: "otter", phase: "RUNNING" } } });
  world.tellActivity("otter", "working");
  message("one");
  world.tellActivity("otter", "idle");
  delivered("one");
  world.become("stranger", "CRASHED");
  world.tellActivity("stranger", "working");
  world.become("otter", "STOPPING");
  world.tellActivity("otter", "working");
  await turn();
  expect(told()).toEqual(["working", "one queued", "idle", "one delivered", "STOPPING", "working"]);
  const { changes } = notifications.supervisor["session/change"].parse({
    subscription: 1,
    changes: world.connection.changes,
  });
  expect(changes[4]).toMatchObject({ from: "RUNNING", to: "STOPPING", attempt: 1, reason: "now STOPPING" });
});

test("nothing is missed between the reply and the first change, and nothing comes before the reply", async () => {
  const replies: (() => void)[] = [];
  await handlers["session/follow"](
    { session: "otter" },
    {
      caller: PERSON,
      connection: world.connection,
      cancelled: new AbortController().signal,
      afterReply: (run) => void replies.push(run),
    },
  );
  world.become("otter", "STOPPING");
  world.tellActivity("otter", "working");
  await turn();
  expect(told()).toEqual([]);
  for (const run of replies) run();
  await turn();
  expect(told()).toEqual(["STOPPING", "working"]);
});

test("ends when no further start is due, and tells nothing more", async () => {
  await follow();
  world.become("otter", "BACKOFF");
  await turn();
  world.become("otter", "STARTING", { attempt: 2 });
  world.become("otter", "CRASHED", { exit: { code: 3, signal: null }, endedAtMs: world.clock.now() });
  await turn();
  expect(told()).toEqual(["BACKOFF", "STARTING", "CRASHED", "end"]);
  expect(world.connection.changes.at(-1)).toMatchObject({ phase: "CRASHED", exit: { code: 3, signal: null } });
  world.store.removeSession("otter", world.clock.now(), {});
  world.tellActivity("otter", "working");
  await turn();
  expect(told()).toHaveLength(4);
});

test("of a session that has ended the end comes at once; of one that is to start again it does not", async () => {
  world.become("otter", "COMPLETED");
  const restart = { afterAttempt: 1, graceMs: 1, requestedAtMs: 1, by: "the user" };
  world.store.changeSession("otter", world.now("otter").revision, { desired: { state: "running", restart } });
  await follow();
  await turn();
  expect(told()).toEqual([]);
  world.store.changeSession("otter", world.now("otter").revision, { desired: { state: "running" } });
  await turn();
  expect(told()).toEqual(["end"]);
});

test("a removal that comes with the end is the last word", async () => {
  await follow();
  world.become("otter", "STOPPED");
  world.store.removeSession("otter", world.clock.now(), {});
  await turn();
  expect(told()).toEqual(["STOPPED", "removed"]);
});

test("a client that does not read is sent all of it once it reads again, activity the latest alone", async () => {
  await follow();
  world.connection.saturated = true;
  for (let attempt = 2; attempt < 700; attempt += 1) {
    world.become("otter", "BACKOFF", { attempt });
    world.tellActivity("otter", attempt % 2 === 0 ? "working" : "idle");
  }
  await turn();
  expect(told()).toEqual([]);
  world.connection.drain();
  await turn();
  expect(told().filter((word) => word === "BACKOFF")).toHaveLength(698);
  expect(told().at(-1)).toBe("idle");
  expect(told().length).toBeLessThan(900);
});

test("unfollowed it is told nothing", async () => {
  const subscription = await follow();
  await world.call(handlers["session/unfollow"], { subscription });
  world.become("otter", "STOPPING");
  await turn();
  expect(told()).toEqual([]);
});

test("a session follows itself and its descendants", async () => {
  world.make("child", { parentId: "otter" });
  const may = async (session: string) =>
    (await world.call(handlers["session/follow"], { session }, inside("otter"))).ok;
  expect([await may("otter"), await may("child"), await may("stranger")]).toEqual([true, true, false]);
});

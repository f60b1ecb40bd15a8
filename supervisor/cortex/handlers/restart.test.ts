/** session/restart and session/rename: what is recorded as wanted, and who is refused. */
import { beforeEach, describe, expect, test } from "vitest";
import type { SessionSelection } from "../../../schemas/client-protocol.ts";
import type { Caller } from "../handler.ts";
import { CalledHandlers, inside, PERSON } from "./called-handlers.fake.ts";
import { renameHandler } from "./rename.ts";
import { restartHandler } from "./restart.ts";

let world: CalledHandlers;
beforeEach(() => {
  world = new CalledHandlers();
  world.make("otter");
});

function restart(sessions: SessionSelection | string, caller: Caller = PERSON) {
  const selection = typeof sessions === "string" ? { references: [sessions] } : sessions;
  return world.call(restartHandler(world.services), { sessions: selection }, caller);
}
const desired = (id: string) => world.now(id).desired;
const stopped = { state: "stopped", mode: "stop", graceMs: 1, requestedAtMs: 1, by: "the user" } as const;

describe("restart", () => {
  test("asks for the start after the present one", async () => {
    expect(await restart("otter")).toMatchObject({ value: { sessions: [{ id: "otter", attempt: 2 }] } });
    expect(desired("otter")).toMatchObject({
      state: "running",
      restart: { afterAttempt: 1, graceMs: 10_000, by: "the user" },
    });
  });

  test("of an ended session, and of one that is being stopped", async () => {
    world.become("otter", "CRASHED");
    expect(await restart("otter")).toMatchObject({ value: { sessions: [{ attempt: 2 }] } });
    world.make("heron");
    world.store.changeSession("heron", world.now("heron").revision, { desired: stopped });
    expect(await restart("heron")).toMatchObject({ ok: true });
    expect(desired("heron").state).toBe("running");
  });

  test("not of one that is being removed, nor when another lives under its name", async () => {
    world.store.changeSession("otter", world.now("otter").revision, {
      desired: { ...stopped, state: "removed", force: false },
    });
    expect(await restart("otter")).toMatchObject({
      fault: { code: "conflict", message: expect.stringContaining("removed") },
    });
    world.make("first", { name: "hare", phase: "COMPLETED" });
    world.make("second", { name: "hare" });
    expect(await restart("first")).toMatchObject({
      fault: { code: "conflict", message: expect.stringContaining("hare") },
    });
    expect(desired("first")).toEqual({ state: "running" });
  });

  test("nothing is begun when any of several is refused, two of one name among them", async () => {
    world.make("first", { name: "hare", phase: "COMPLETED" });
    world.make("second", { name: "hare", phase: "COMPLETED" });
    expect(await restart({ references: ["otter", "first", "second"] })).toMatchObject({ fault: { code: "conflict" } });
    expect(desired("otter")).toEqual({ state: "running" });
  });

  test("all are the living ones that are wanted", async () => {
    world.make("ended", { phase: "COMPLETED" });
    world.make("leaving");
    world.store.changeSession("leaving", world.now("leaving").revision, {
      desired: { ...stopped, state: "removed", force: false },
    });
    expect(await restart({ all: true })).toMatchObject({ value: { sessions: [{ id: "otter" }] } });
  });

  test("an ended child comes back within its parent's bounds alone, a living one takes no further place", async () => {
    world.settings = { ...world.settings, maxChildren: 1 };
    world.make("ended", { parentId: "otter", phase: "COMPLETED" });
    world.make("living", { parentId: "otter" });
    expect(await restart("ended", inside("otter"))).toMatchObject({
      fault: { message: expect.stringContaining("maxChildren") },
    });
    expect(await restart("living", inside("otter"))).toMatchObject({ ok: true });
  });

  test("a parent that is ended with its children brings none of them back", async () => {
    world.make("child", { parentId: "otter", phase: "COMPLETED" });
    world.store.changeSession("otter", world.now("otter").revision, { desired: { ...stopped, childrenFirst: true } });
    expect(await restart("child", inside("otter"))).toMatchObject({ fault: { code: "conflict" } });
    world.become("otter", "STOPPED");
    expect(await restart("child")).toMatchObject({ ok: true });
  });

  test("a session restarts its descendants alone", async () => {
    world.make("child", { parentId: "otter" });
    expect(await restart("otter", inside("child"))).toMatchObject({ fault: { code: "not-permitted" } });
    expect(await restart("otter", inside("otter"))).toMatchObject({ fault: { code: "not-permitted" } });
    expect(await restart("child", inside("otter"))).toMatchObject({ ok: true });
  });
});

describe("rename", () => {
  const rename = (session: string, name: string) => world.call(renameHandler(world.services), { session, name });

  test("the name is another, all else is as it was", async () => {
    const before = world.now("otter");
    expect(await rename("otter", "heron")).toMatchObject({ value: { session: { id: "otter", name: "heron" } } });
    expect(world.now("otter")).toEqual({ ...before, name: "heron", revision: before.revision + 1 });
  });

  test("a name that another living session has is a conflict, one's own is not", async () => {
    world.make("heron");
    expect(await rename("otter", "heron")).toMatchObject({ fault: { code: "conflict" } });
    expect(await rename("otter", "otter")).toMatchObject({ ok: true });
    world.become("heron", "COMPLETED");
    expect(await rename("otter", "heron")).toMatchObject({ ok: true });
  });
});

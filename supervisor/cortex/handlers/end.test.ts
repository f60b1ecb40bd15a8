/** session/stop, session/remove, session/prune: what is recorded as wanted, of whom, and in which order. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Params } from "../../../schemas/client-protocol.ts";
import type { Caller } from "../handler.ts";
import { CalledHandlers, inside, PERSON } from "./called-handlers.fake.ts";
import { pruneHandler, removeHandler, stopHandler } from "./end.ts";

let world: CalledHandlers;
/** Ids in the order in which something was wanted of them. */
let written: string[];
beforeEach(() => {
  world = new CalledHandlers();
  world.make("head");
  world.make("left", { parentId: "head" });
  world.make("right", { parentId: "head" });
  world.make("leaf", { parentId: "left" });
  world.make("stranger");
  written = [];
  world.store.onChange(({ sessionId }) => void (sessionId !== undefined && written.push(sessionId)));
});

function stop(given: Partial<Params<"session/stop">> = {}, caller: Caller = PERSON) {
  return world.call(
    stopHandler(world.services),
    { sessions: { references: ["head"] }, mode: "stop", ...given },
    caller,
  );
}
function remove(given: Partial<Params<"session/remove">> = {}, caller: Caller = PERSON) {
  return world.call(removeHandler(world.services), { sessions: { references: ["head"] }, ...given }, caller);
}
const desired = (id: string) => world.now(id).desired;

describe("stop", () => {
  test("alone it is of the session alone, and waits for nobody", async () => {
    expect(await stop()).toMatchObject({ value: { sessions: [{ id: "head" }] } });
    expect(desired("head")).toMatchObject({ state: "stopped" });
    expect(desired("head")).not.toHaveProperty("childrenFirst");
    expect(written).toEqual(["head"]);
  });

  test("with its descendants: children are asked first, and parents wait for them", async () => {
    const answer = await stop({ cascade: true, mode: "kill" });
    expect(answer).toMatchObject({
      value: { sessions: [{ id: "leaf" }, { id: "left" }, { id: "right" }, { id: "head" }] },
    });
    expect(written).toEqual(["leaf", "left", "right", "head"]);
    for (const id of written)
      expect(desired(id)).toMatchObject({ state: "stopped", mode: "kill", childrenFirst: true });
    expect(desired("stranger")).toEqual({ state: "running" });
  });

  test("descendants that had ended before are left out; one that is to start again is not", async () => {
    world.become("leaf", "CRASHED");
    world.become("right", "COMPLETED");
    const restart = { afterAttempt: 1, graceMs: 1, requestedAtMs: 1, by: "the user" };
    world.store.changeSession("right", world.now("right").revision, { desired: { state: "running", restart } });
    expect(await stop({ cascade: true })).toMatchObject({
      value: { sessions: [{ id: "left" }, { id: "right" }, { id: "head" }] },
    });
    expect(desired("right").state).toBe("stopped");
    expect(desired("leaf").state).toBe("running");
  });

  test("who then asks without the children waits for them no longer; a kill stays a kill", async () => {
    await stop({ cascade: true, mode: "kill" });
    await stop();
    expect(desired("head")).toMatchObject({ state: "stopped", mode: "kill" });
    expect(desired("head")).not.toHaveProperty("childrenFirst");
    expect(desired("left")).toHaveProperty("childrenFirst");
  });

  test("a session does it to its descendants alone, and theirs", async () => {
    expect(await stop({ cascade: true }, inside("head"))).toMatchObject({
      ok: false,
      fault: { code: "not-permitted" },
    });
    expect(await stop({ sessions: { references: ["left"] }, cascade: true }, inside("head"))).toMatchObject({
      value: { sessions: [{ id: "leaf" }, { id: "left" }] },
    });
    expect(await stop({ sessions: { references: ["right"] } }, inside("left"))).toMatchObject({ ok: false });
    expect(await stop({ sessions: { all: true } }, inside("head"))).toMatchObject({
      value: { sessions: [{ id: "left" }, { id: "right" }, { id: "leaf" }] },
    });
    expect(desired("head").state).toBe("running");
  });
});

describe("remove", () => {
  test("with its descendants: children first, those that had ended too", async () => {
    world.become("leaf", "COMPLETED");
    expect(await remove({ cascade: true })).toMatchObject({
      value: { sessions: [{ id: "leaf" }, { id: "left" }, { id: "right" }, { id: "head" }] },
    });
    for (const id of ["leaf", "left", "right", "head"]) {
      expect(desired(id)).toMatchObject({ state: "removed", force: false, childrenFirst: true });
    }
  });

  test("nothing is begun when work of any of them would be lost", async () => {
    const { services } = world;
    world.store.changeSession("leaf", world.now("leaf").revision, {
      workspace: { ...world.now("leaf").workspace, made: true },
    });
    written = [];
    world.hive.unsaved = ["1 changed file"];
    const refused = await remove({ cascade: true });
    expect(refused).toMatchObject({ fault: { code: "work-would-be-lost", data: { session: "leaf" } } });
    expect(written).toEqual([]);
    expect(
      await world.call(removeHandler(services), { sessions: { references: ["head"] }, cascade: true, force: true }),
    ).toMatchObject({ ok: true });
    expect(desired("leaf")).toMatchObject({ state: "removed", force: true });
  });
});

test("prune leaves those alone that are to start again", async () => {
  world.become("leaf", "COMPLETED");
  world.become("right", "COMPLETED");
  const restart = { afterAttempt: 1, graceMs: 1, requestedAtMs: 1, by: "the user" };
  world.store.changeSession("right", world.now("right").revision, { desired: { state: "running", restart } });
  const pruned = await world.call(pruneHandler(world.services), {});
  expect(pruned).toMatchObject({ value: { removing: [{ id: "leaf" }], kept: [] } });
  expect(desired("right").state).toBe("running");
});

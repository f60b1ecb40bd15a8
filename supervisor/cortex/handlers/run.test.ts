/** session/run: what is recorded of what was asked for, whose child it becomes, and what is refused. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Params } from "../../../schemas/client-protocol.ts";
import type { Caller, Handler } from "../handler.ts";
import { CalledHandlers, inside, PERSON } from "./called-handlers.fake.ts";
import { runHandler } from "./run.ts";

let world: CalledHandlers;
let handler: Handler<"session/run">;
beforeEach(() => {
  world = new CalledHandlers();
  handler = runHandler(world.services);
});

const BASE: Params<"session/run"> = { argv: ["/usr/bin/claude"], folder: "/project", callerEnvironment: {} };

function run(given: Partial<Params<"session/run">> = {}, caller: Caller = PERSON) {
  return world.call(handler, { ...BASE, ...given }, caller);
}
async function recorded(given: Partial<Params<"session/run">> = {}, caller: Caller = PERSON) {
  const answer = await run(given, caller);
  if (!answer.ok) throw new Error(answer.fault.message);
  return world.now(answer.value.session.id);
}
async function refusal(given: Partial<Params<"session/run">> = {}, caller: Caller = PERSON) {
  const answer = await run(given, caller);
  if (answer.ok) throw new Error("it was not refused");
  return answer.fault;
}

describe("what is recorded", () => {
  test("when nothing is said: never restarted, no timeout, priority 0", async () => {
    const { spec } = await recorded();
    expect(spec.restart).toEqual({ policy: "never", maxRestarts: 5, backoffMs: 1000 });
    expect(spec).toMatchObject({ priority: 0, askedVariables: [], agent: "claude" });
    expect(spec.activityTimeoutMs).toBeUndefined();
  });

  test("what was asked for, and the names of the variables that were", async () => {
    const { spec } = await recorded({
      restart: { policy: "always", maxRestarts: 0, windowMs: 60_000, backoffMs: 0 },
      activityTimeoutMs: 5000,
      priority: 7,
      callerEnvironment: { SSH_AUTH_SOCK: "/old", HOME: "/home/ada" },
      environment: { TOKEN: "x" },
    });
    expect(spec.restart).toEqual({ policy: "always", maxRestarts: 0, windowMs: 60_000, backoffMs: 0 });
    expect(spec).toMatchObject({ activityTimeoutMs: 5000, priority: 7, askedVariables: ["TOKEN"] });
  });

  test("its view says the policy", async () => {
    const answer = await run({ restart: { policy: "on-failure" } });
    expect(answer).toMatchObject({
      value: { session: { restart: { policy: "on-failure", maxRestarts: 5, windowMs: null, counted: 0 } } },
    });
  });
});

describe("whose child it is", () => {
  beforeEach(() => {
    world.make("parent");
    world.make("child", { parentId: "parent" });
    world.make("stranger");
  });

  test("a person's is nobody's, or that of any living session", async () => {
    expect((await recorded()).parentId).toBeUndefined();
    expect((await recorded({ parent: "stranger" })).parentId).toBe("stranger");
    expect((await refusal({ parent: "nobody" })).code).toBe("not-found");
  });

  test("a session's is its own, or of a descendant that it names; of nobody else", async () => {
    expect((await recorded({}, inside("parent"))).parentId).toBe("parent");
    expect((await recorded({ parent: "parent" }, inside("parent"))).parentId).toBe("parent");
    expect((await recorded({ parent: "child" }, inside("parent"))).parentId).toBe("child");
    expect((await refusal({ parent: "stranger" }, inside("parent"))).code).toBe("not-permitted");
    expect((await refusal({ parent: "parent" }, inside("child"))).code).toBe("not-permitted");
  });

  test("none of an ended session, nor of one that is being ended", async () => {
    world.become("stranger", "COMPLETED");
    expect(await refusal({ parent: "stranger" })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining("ended"),
    });
    const stopped = {
      state: "stopped",
      mode: "stop",
      graceMs: 1,
      requestedAtMs: 1,
      by: "x",
      childrenFirst: true,
    } as const;
    world.store.changeSession("parent", world.now("parent").revision, { desired: stopped });
    expect((await refusal({}, inside("parent"))).code).toBe("conflict");
    expect((await refusal({}, inside("child"))).code).toBe("conflict");
  });

  test("as deep and as many as the settings allow, by whoever they are started", async () => {
    world.settings = { ...world.settings, maxDepth: 2, maxChildren: 2 };
    expect((await recorded({ parent: "child" })).parentId).toBe("child");
    const grandchild = await recorded({}, inside("child"));
    expect(await refusal({ parent: grandchild.id })).toMatchObject({
      code: "not-permitted",
      message: expect.stringMatching(/depth 3.*maxDepth is 2/),
      hint: expect.stringContaining("config set maxDepth"),
    });
    const full = await refusal({}, inside("child"));
    expect(full).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/2 living children.*maxChildren is 2/),
      hint: expect.stringContaining("config set maxChildren"),
    });
    world.become(grandchild.id, "COMPLETED");
    expect((await recorded({}, inside("child"))).parentId).toBe("child");
  });

  test("fifty at once are no more than one after the other", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => run({}, inside("stranger"))));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(32);
    const names = world.store.sessions().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("a session's child comes into line no earlier than its parent; a person's where it says", async () => {
    world.make("modest", { spec: { priority: -5 } });
    expect((await recorded({}, inside("modest"))).spec.priority).toBe(-5);
    expect((await recorded({ priority: -9 }, inside("modest"))).spec.priority).toBe(-9);
    const answer = await run({ priority: 3 }, inside("modest"));
    expect(answer).toMatchObject({ value: { session: { priority: -5 }, warnings: [expect.stringContaining("-5")] } });
    expect((await recorded({ priority: 3, parent: "modest" })).spec.priority).toBe(3);
  });
});

describe("without a queue", () => {
  test("a conflict with the reason, and nothing recorded, when it could not start at once", async () => {
    world.obstacle = "waits for a place: 64 of 64";
    expect(await refusal({ noQueue: true })).toMatchObject({
      code: "conflict",
      message: expect.stringContaining("waits for a place: 64 of 64"),
    });
    expect(world.store.sessions()).toEqual([]);
    expect((await recorded()).observed.phase).toBe("PENDING");
    world.obstacle = undefined;
    expect((await recorded({ noQueue: true })).observed.phase).toBe("PENDING");
  });

  test("two that ask at once are not told of the same place", async () => {
    const { services } = world;
    const alone = runHandler({
      ...services,
      obstacleToStart: async () => {
        await Promise.resolve();
        return services.store.sessions().length > 0 ? "waits for a place: 1 of 1" : undefined;
      },
    });
    const answers = await Promise.all([1, 2, 3].map(() => world.call(alone, { ...BASE, noQueue: true })));
    expect(answers.map(({ ok }) => ok)).toEqual([true, false, false]);
  });
});

test("a name that a living session has, or one that is to start again, is taken", async () => {
  world.make("otter");
  expect((await refusal({ name: "otter" })).code).toBe("conflict");
  world.become("otter", "COMPLETED");
  const restart = { afterAttempt: 1, graceMs: 1, requestedAtMs: 1, by: "the user" };
  world.store.changeSession("otter", world.now("otter").revision, { desired: { state: "running", restart } });
  expect((await refusal({ name: "otter" })).code).toBe("conflict");
  world.store.changeSession("otter", world.now("otter").revision, { desired: { state: "running" } });
  expect((await recorded({ name: "otter" })).name).toBe("otter");
});

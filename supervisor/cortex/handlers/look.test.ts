/** session/list and colony/list: what is sampled, and what is counted. */
import { beforeEach, expect, test } from "vitest";
import { CalledHandlers } from "./called-handlers.fake.ts";
import { colonyListHandler } from "./colony.ts";
import { listHandler } from "./look.ts";

let world: CalledHandlers;
beforeEach(() => {
  world = new CalledHandlers();
});

test("usage is sampled for those who ask, and I/O for those who ask for it", async () => {
  const list = async (params: { usage?: boolean; io?: boolean }) => {
    world.sampled.length = 0;
    await world.call(listHandler(world.services), params);
    return world.sampled;
  };
  expect(await list({})).toEqual([]);
  expect(await list({ usage: true })).toEqual([{ io: false }]);
  expect(await list({ usage: true, io: true })).toEqual([{ io: true }]);
});

test("colonies in their order, with how many sessions are in each phase", async () => {
  const colonies = [
    ["one", "web", "RUNNING"],
    ["two", "web", "RUNNING"],
    ["three", "web", "CRASHED"],
    ["four", "api", "BACKOFF"],
  ] as const;
  for (const [id, colony, phase] of colonies) world.make(id, { colony, phase });
  expect(await world.call(colonyListHandler(world.services), {})).toMatchObject({
    value: {
      colonies: [
        { name: "api", sessions: { BACKOFF: 1 } },
        { name: "web", sessions: { RUNNING: 2, CRASHED: 1 } },
      ],
    },
  });
});

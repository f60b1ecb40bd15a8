/** What a session may do with its token, through the command line inside it. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SessionView } from "../schemas/session-view.ts";
import { makeWorld, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
  await world.must("run", "--name", "stranger", "--", "sleep", "1000");
});
afterAll(() => world.close());

/** Runs a script in a session and returns its log. */
async function inside(name: string, script: string): Promise<string> {
  const path = join(world.root, `${name}.sh`);
  writeFileSync(path, script);
  await world.must("run", "--name", name, "--", "sh", path);
  await world.overmind("wait", name, "--timeout", "60s");
  return world.must("logs", name);
}
const sessionNamed = async (name: string) =>
  (await world.json<{ session: SessionView }>("describe", name, "--json")).session;

test("it reads itself, and of strangers name, phase and activity alone", async () => {
  const log = await inside(
    "reader",
    "overmind describe reader >/dev/null; echo self=$?\novermind describe stranger; echo stranger=$?\novermind ps --json\n",
  );
  expect(log).toContain("self=0");
  expect(log).not.toContain("stranger=0");
  const listed = JSON.parse(/^\{.*\}$/ms.exec(log)?.[0] ?? "") as { sessions: SessionView[]; others: object[] };
  expect(listed.sessions.map((session) => session.name)).toEqual(["reader"]);
  expect(listed.others).toEqual([{ name: "stranger", phase: "RUNNING", activity: expect.any(String) }]);
});

test("it runs a child, waits for it and stops it", async () => {
  const log = await inside(
    "parent",
    "overmind run --name child -- sh -c 'exit 5'; overmind wait child; echo waited=$?\novermind run --name sleeper -- sleep 1000 && overmind stop sleeper; echo stopped=$?\n",
  );
  expect(log).toContain("waited=5");
  expect(log).toContain("stopped=0");
  const [parent, child] = [await sessionNamed("parent"), await sessionNamed("child")];
  expect(child.parentId).toBe(parent.id);
  expect(child.workspace.path).not.toContain(parent.workspace.path);
});

test.each([
  ["stop stranger"],
  ["kill stranger"],
  ["rm --force stranger"],
  ["kill -s USR1 stranger"],
  ["logs stranger"],
  ["supervisor stop"],
  ["prune"],
])("overmind %s is refused", async (command) => {
  const log = await inside(
    `refused-${command.replaceAll(/[^a-z]+/gi, "-").toLowerCase()}x`,
    `overmind ${command}; echo code=$?\n`,
  );
  expect(log).toMatch(/code=[1-9]/);
  expect((await sessionNamed("stranger")).phase).toBe("RUNNING");
});

test("a wrong token is nobody's", async () => {
  const log = await inside("forger", "OVERMIND_TOKEN=wrong overmind ps; echo code=$?\n");
  expect(log).not.toContain("code=0");
});

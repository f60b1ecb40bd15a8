/** Families of sessions, made from inside them by the command line in PATH: who ends when, and what parents learn. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { EventView, SessionView } from "../schemas/session-view.ts";
import { WireClient } from "./harness/wire-client.ts";
import { makeWorld, until, type World } from "./harness/world.ts";

let world: World;
let client: WireClient;
beforeAll(async () => {
  world = await makeWorld();
  await world.must("supervisor", "start");
  client = await WireClient.greeted(world.layout.mainEndpoint);
});
afterEach(() => world.overmind("rm", "--all", "--force"));
afterAll(async () => {
  await client.close();
  await world.close();
});

/** A script that runs in a session called `name`; what it prints is the session's log. */
async function run(name: string, script: string, ...flags: string[]): Promise<void> {
  await world.must("run", "--name", name, ...flags, "--", "sh", scriptAt(name, script));
}
function scriptAt(name: string, script: string): string {
  const path = join(world.root, `${name}.sh`);
  writeFileSync(path, script);
  return path;
}
async function all(): Promise<SessionView[]> {
  return (await world.json<{ sessions: SessionView[] }>("ps", "-a", "--json")).sessions;
}
async function sessionNamed(name: string): Promise<SessionView> {
  return (await world.json<{ session: SessionView }>("describe", name, "--json")).session;
}
/** Returns once so many sessions run. */
async function running(count: number): Promise<void> {
  await until(async () => (await all()).filter(({ phase }) => phase === "RUNNING").length === count, `${count} to run`);
}
const ENDED = new Set(["COMPLETED", "CRASHED", "STOPPED", "LOST"]);

/** Where in the order of all events each session first came to a phase. */
async function places(fits: (phase: string) => boolean): Promise<Map<string, number>> {
  const { events } = (await client.must("event/list", { last: 10_000 })) as { events: EventView[] };
  const found = new Map<string, number>();
  for (const { id, kind, sessionId, data } of events) {
    if (kind !== "session.transition" || sessionId === null || found.has(sessionId)) continue;
    if (fits(String(data.to))) found.set(sessionId, id);
  }
  return found;
}

/** Each parent began to end only when all its children had ended. */
async function expectChildrenFirst(family: readonly SessionView[]): Promise<void> {
  const ended = await places((phase) => ENDED.has(phase));
  const beganToEnd = await places((phase) => phase === "STOPPING" || ENDED.has(phase));
  const names = new Map(family.map(({ id, name }) => [id, name]));
  for (const { id, name, parentId } of family) {
    if (parentId === null || !names.has(parentId)) continue;
    const order = [ended.get(id) ?? Number.NaN, beganToEnd.get(parentId) ?? Number.NaN];
    expect(order[0], `${name} ended before ${names.get(parentId)} began to`).toBeLessThan(order[1] ?? 0);
  }
}

describe("a tree", () => {
  test("is made from inside by the command line in PATH, and ps --tree draws it", async () => {
    scriptAt(
      "branch",
      "overmind run --name leaf -- sleep 1000; overmind run --name twig -- sleep 1000; exec sleep 1000\n",
    );
    await run("root", `overmind run --name branch -- sh ${join(world.root, "branch.sh")}; exec sleep 1000\n`);
    await running(4);
    expect(await world.must("ps", "--tree")).toMatch(
      /root .*\n└─ branch .*\n {3}├─ (leaf|twig) .*\n {3}└─ (leaf|twig) .*\n/,
    );
  });

  test("twenty children and one of theirs are killed by cascade, children first, and nothing of them is left", async () => {
    scriptAt("grandparent", "overmind run --name grandchild -- sleep 1000; exec sleep 1000\n");
    await run(
      "head",
      `i=1; while [ $i -lt 20 ]; do overmind run --name child$i -- sleep 1000; i=$((i+1)); done
overmind run --name child20 -- sh ${join(world.root, "grandparent.sh")}
exec sleep 1000
`,
    );
    await running(22);
    const family = await all();
    const printed = await world.must("kill", "--cascade", "head");
    expect(printed.split("\n").filter((line) => line.startsWith("killed "))).toHaveLength(22);
    for (const { name, phase } of await all()) expect({ name, phase }).toEqual({ name, phase: "STOPPED" });
    await expectChildrenFirst(family);
  });

  test("a parent that would start children for ever is stopped by cascade all the same", async () => {
    await run("breeder", "trap '' TERM; while true; do overmind run -- sleep 1000 || sleep 0.1; done\n");
    await until(async () => (await all()).length > 3, "some children");
    await world.must("stop", "--cascade", "--grace", "100ms", "breeder");
    const family = await all();
    for (const { name, phase } of family) expect({ name, phase }).toEqual({ name, phase: "STOPPED" });
    await expectChildrenFirst(family);
  });

  test("a cascade goes on under the next supervisor", async () => {
    await run("slow", `trap '' TERM; echo ready; while true; do sleep 1; done\n`);
    await world.must(
      "run",
      "--name",
      "slow-child",
      "--parent",
      "slow",
      "--",
      "sh",
      scriptAt("c", "trap '' TERM; echo ready; while true; do sleep 1; done\n"),
    );
    await until(async () => (await world.must("logs", "slow-child")).includes("ready"), "the trap");
    const asked = { sessions: { references: ["slow"] }, mode: "stop", graceMs: 1000, cascade: true };
    await client.must("session/stop", asked);
    const family = await all();
    await client.close();
    await world.kill(world.supervisorPid());
    await world.overmind("wait", "slow", "slow-child", "--timeout", "60s");
    client = await WireClient.greeted(world.layout.mainEndpoint);
    for (const { name, phase } of await all()) expect({ name, phase }).toEqual({ name, phase: "STOPPED" });
    await expectChildrenFirst(family);
  });
});

describe("removal", () => {
  test("by cascade: nothing is begun while work of a child would be lost; with --force all are gone", async () => {
    await run("keeper", "exec sleep 1000\n");
    await run("worker", "echo work > file.txt; echo written; exec sleep 1000\n", "--parent", "keeper");
    await until(async () => (await world.must("logs", "worker")).includes("written"), "its work");
    const refused = await world.overmind("rm", "--cascade", "keeper");
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining("worker has work that would be lost") });
    for (const name of ["keeper", "worker"]) expect((await sessionNamed(name)).phase).toBe("RUNNING");
    await world.must("rm", "--cascade", "--force", "keeper");
    expect(await all()).toEqual([]);
  });

  test("a parent whose child could not be removed stays, and says why", async () => {
    await run("keeper", "exec sleep 1000\n");
    // Its work is done while it is being ended: when it was asked there was none.
    const path = scriptAt(
      "late",
      "trap 'echo work > file.txt; exit' TERM; echo ready; while true; do sleep 0.1; done\n",
    );
    await world.must("run", "--name", "late", "--parent", "keeper", "--", "sh", path);
    await until(async () => (await world.must("logs", "late")).includes("ready"), "the trap");
    const { code, stderr } = await world.overmind("rm", "--cascade", "keeper");
    expect(code).not.toBe(0);
    expect(stderr).toContain("late");
    expect(stderr).toContain("keeper");
    expect((await all()).map(({ name }) => name).sort()).toEqual(["keeper", "late"]);
    await world.must("rm", "--cascade", "--force", "keeper");
    expect(await all()).toEqual([]);
  });
});

describe("what a parent learns", () => {
  test("it waits for its children, the first code that is not 0 in the order named, and reads their results", async () => {
    await run(
      "parent",
      `overmind run --name good -- sh -c 'echo all well'
overmind run --name bad -- sh -c 'printf "\\033[31mred\\033[0m\\n"; exit 7'
overmind run --name worse -- sh -c 'exit 9'
overmind wait good bad worse; echo waited=$?
overmind wait worse bad; echo first=$?
overmind wait --any good; echo any=$?
overmind result good; echo result=$?
overmind result bad
`,
    );
    await world.must("wait", "parent", "--timeout", "60s");
    const log = await world.must("logs", "parent");
    for (const line of ["waited=7", "first=9", "any=0", "all well", "result=0"]) expect(log).toContain(line);
    expect(await world.must("result", "bad")).toBe("red\n");
    const told = await world.json<{ session: SessionView; durationMs: number | null; truncated: boolean }>(
      "result",
      "bad",
      "--json",
    );
    expect(told).toMatchObject({ session: { exit: { code: 7 } }, durationMs: expect.any(Number), truncated: false });
  });

  test("the result of a program that paints its screen is what the screen shows", async () => {
    await run("painter", "printf '\\033[?1049h\\033[2J\\033[3;5Han answer\\033[1;1Ha title'; exec sleep 1000\n");
    const told = async () => world.must("result", "painter");
    await until(async () => (await told()).includes("a title"), "its screen");
    expect(await told()).toBe("a title\n\n    an answer\n");
  });

  test("subscribe tells each change in its order, over a restart, until the end", async () => {
    const go = join(world.root, "go");
    const path = scriptAt("phoenix", `while [ ! -e ${go} ]; do sleep 0.05; done; exit 3\n`);
    const heals = ["--restart", "on-failure", "--max-restarts", "1", "--backoff", "0"];
    await world.must("run", "--name", "phoenix", ...heals, "--", "sh", path);
    await running(1);
    const { subscription, session } = await client.must("session/follow", { session: "phoenix" });
    expect(session).toMatchObject({ name: "phoenix", phase: "RUNNING", restart: { policy: "on-failure", counted: 0 } });
    writeFileSync(go, "");
    const changes: Record<string, unknown>[] = [];
    while (changes.at(-1)?.type !== "end") {
      const { params } = await client.next(({ method }) => method === "session/change");
      expect(params?.subscription).toBe(subscription);
      changes.push(...((params?.changes ?? []) as Record<string, unknown>[]));
    }
    const transitions = changes.filter(({ type }) => type === "transition");
    for (const [index, { from }] of transitions.entries()) {
      expect(from).toBe(index === 0 ? "RUNNING" : transitions[index - 1]?.to);
    }
    expect(transitions.filter(({ to }) => to === "RUNNING")).toMatchObject([{ attempt: 2 }]);
    expect(changes.at(-1)).toMatchObject({ type: "end", phase: "CRASHED", exit: { code: 3, signal: null } });
    expect((await sessionNamed("phoenix")).restarts).toBe(1);
  });

  test("a name is free for another once it was given another, and for nobody else before", async () => {
    await run("calm", "exec sleep 1000\n");
    expect((await world.overmind("rename", "calm", "calm")).code).toBe(0);
    await world.must("rename", "calm", "quiet");
    await run("calm", "exec sleep 1000\n");
    expect(await world.overmind("rename", "calm", "quiet")).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("a living session is named quiet"),
    });
  });
});

test("an ended session is started again in its worktree; without the worktree it says what is missing", async () => {
  await run("again", "echo started; [ -e seen ] || { touch seen; exit 4; }; exec sleep 1000\n");
  await world.overmind("wait", "again");
  await world.must("restart", "again");
  const { attempt, phase, workspace } = await sessionNamed("again");
  expect({ attempt, phase }).toEqual({ attempt: 2, phase: "RUNNING" });
  await world.must("stop", "again");
  await world.git("worktree", "remove", "--force", workspace.path);
  const refused = await world.overmind("restart", "again");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain(workspace.path);
});

test("without a place --no-queue is a conflict that says so, and leaves nothing; else it waits for its turn", async () => {
  await world.must("config", "set", "maxSessions", "1", "--user");
  try {
    await run("only", "exec sleep 1000\n");
    const refused = await world.overmind("run", "--name", "hasty", "--no-queue", "--", "true");
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining("waits for a place: 1 of 1") });
    await world.must("run", "--name", "patient", "--", "true");
    await until(async () => (await sessionNamed("patient")).reason === "waits for a place: 1 of 1", "its reason");
    expect((await all()).map(({ name }) => name).sort()).toEqual(["only", "patient"]);
    await world.must("stop", "only");
    await world.must("wait", "patient", "--timeout", "60s");
  } finally {
    await world.must("config", "set", "maxSessions", "64", "--user");
  }
});

/** Restarts, stalls, places and cascades, over a scripted world and a clock that is moved. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Desired, RestartRule, SessionRecord } from "../core/session.ts";
import { WeaverWorld } from "./weaver-world.fake.ts";

const STOP = { state: "stopped", mode: "stop", graceMs: 1000, requestedAtMs: 0, by: "the user" } as const;
const ON_FAILURE: RestartRule = { policy: "on-failure", maxRestarts: 5, backoffMs: 1000 };

let world: WeaverWorld;
beforeEach(() => {
  world = new WeaverWorld();
});
afterEach(() => world.weaver.dispose());

function restart(session: SessionRecord): Desired {
  const { attempt } = world.now(session).observed;
  return {
    state: "running",
    restart: { afterAttempt: attempt, graceMs: 1000, requestedAtMs: world.clock.now(), by: "the user" },
  };
}

describe("a session that heals", () => {
  test("in a crash loop comes back with growing pauses, and then is given up with the reason", async () => {
    const session = await world.started({ spec: { restart: ON_FAILURE } });
    const pauses: number[] = [];
    for (let crash = 1; crash <= 5; crash += 1) {
      await world.crash(session);
      const { phase, nextStartAtMs, restarts } = world.now(session).observed;
      expect({ phase, restarts }).toEqual({ phase: "BACKOFF", restarts: crash });
      pauses.push((nextStartAtMs ?? 0) - world.clock.now());
      await world.pass((nextStartAtMs ?? 0) - world.clock.now() - 1, 60_000);
      expect(world.living(session)).toBe(0);
      await world.pass(1);
      expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: crash + 1 });
      expect(world.living(session)).toBe(1);
    }
    for (const [index, pauseMs] of pauses.entries()) {
      expect(pauseMs).toBeGreaterThanOrEqual(750 * 2 ** index);
      expect(pauseMs).toBeLessThanOrEqual(1000 * 2 ** index);
    }
    await world.crash(session, 7);
    expect(world.now(session).observed).toMatchObject({
      phase: "CRASHED",
      reason: "restarts used up: 5 since it was last healthy, last exited with code 7",
      exit: { code: 7, signal: null },
    });
    await world.pass(300_000, 10_000);
    expect(world.living(session)).toBe(0);
  });

  test("that crashes once an hour is never given up", async () => {
    const session = await world.started({ spec: { restart: { ...ON_FAILURE, maxRestarts: 1 } } });
    for (let hour = 1; hour <= 30; hour += 1) {
      await world.pass(3_600_000, 600_000);
      await world.crash(session);
      await world.pass(1000);
      expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: hour + 1 });
    }
    expect(world.now(session).observed.restarts).toBe(30);
  });

  test("tells each restart, its reason and its evidence, in the log of the attempt that ended", async () => {
    const session = await world.started({ spec: { restart: ON_FAILURE } });
    await world.crash(session, 3);
    const last = world.store.transitions(session.id).at(-1);
    expect(last).toMatchObject({
      to: "BACKOFF",
      reason: expect.stringMatching(/^exited with code 3; restart 1 of 5 in \d+ms$/),
      evidence: { code: 3, signal: null, restart: 1, maxRestarts: 5, delayMs: expect.any(Number) },
    });
    const marked = world.hive.records.map(({ stream, record }) => `${stream} ${"text" in record ? record.text : ""}`);
    expect(marked.at(-1)).toContain(`${session.id}/main@1 RUNNING -> BACKOFF: exited with code 3; restart 1 of 5`);
  });

  test("comes back on time when its supervisor was away, and keeps its count", async () => {
    const session = await world.started({ spec: { restart: { ...ON_FAILURE, maxRestarts: 2 } } });
    await world.crash(session);
    await world.restartSupervisor(100);
    expect(world.now(session).observed.phase).toBe("BACKOFF");
    await world.pass(1000);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 2 });
    await world.crash(session);
    await world.restartSupervisor(60_000);
    await world.pass(50);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 3 });
    await world.crash(session);
    expect(world.now(session).observed.reason).toContain("restarts used up: 2");
  });

  test("is stopped in BACKOFF at once, and stays so", async () => {
    const session = await world.started({ spec: { restart: ON_FAILURE } });
    await world.crash(session);
    world.want(session, STOP);
    await world.weaver.idle();
    expect(world.now(session).observed.phase).toBe("STOPPED");
    await world.pass(5000);
    expect(world.living(session)).toBe(0);
  });

  test("whose host died starts again, with nothing of the old one alive, and it is not counted", async () => {
    world.hive.login = { SSH_AUTH_SOCK: "/run/new-agent" };
    const environment = { PATH: "/usr/bin", SSH_AUTH_SOCK: "/run/old-agent", DISPLAY: ":7" };
    const spec = { restart: { ...ON_FAILURE, maxRestarts: 0 }, environment, askedVariables: ["DISPLAY"] };
    const session = await world.started({ spec });
    const child = world.hive.leaveChild(session.id, "server", ["SIGHUP"]);
    world.hive.loseHost();
    await world.pass(200);
    expect(child.alive).toBe(false);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 2, restarts: 0 });
    expect(world.hive.specs.at(-1)?.environment).toMatchObject({ SSH_AUTH_SOCK: "/run/new-agent", DISPLAY: ":7" });
    expect(world.phases(session)).toContain("PENDING");
    expect(world.store.transitions(session.id).some(({ reason }) => reason.startsWith("its process host died"))).toBe(
      true,
    );
  });
});

describe("a session that says nothing", () => {
  const spec = { activityTimeoutMs: 5000, restart: { ...ON_FAILURE, backoffMs: 0 } };

  test("while it works is ended, and its rule decides", async () => {
    const session = await world.started({ spec });
    world.wroteAtMs.set(session.id, world.clock.now());
    world.weaver.look(session.id);
    await world.pass(4900);
    expect(world.now(session).observed.phase).toBe("RUNNING");
    await world.pass(300);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 2, restarts: 1 });
    const reasons = world.store.transitions(session.id).map(({ to, reason }) => `${to}: ${reason}`);
    expect(reasons).toContainEqual("STOPPING: no output for 5s");
    expect(reasons.some((text) => /^BACKOFF: no output for longer than its activity timeout; /.test(text))).toBe(true);
  });

  test("that writes in time is left alone", async () => {
    const session = await world.started({ spec });
    for (let round = 0; round < 10; round += 1) {
      world.wroteAtMs.set(session.id, world.clock.now());
      world.weaver.look(session.id);
      await world.pass(4000, 500);
    }
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 1 });
  });

  test("while it waits for a human is left alone for ever, and its clock goes on afterwards", async () => {
    const session = await world.started({ spec });
    world.wroteAtMs.set(session.id, undefined);
    world.tellActivity(session.id, "waiting");
    await world.pass(3_600_000, 60_000);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 1 });
    world.wroteAtMs.set(session.id, world.clock.now());
    world.tellActivity(session.id, "working");
    await world.pass(5200);
    expect(world.now(session).observed.attempt).toBe(2);
  });
});

describe("a place", () => {
  const named = (name: string, priority = 0) => ({ id: name.padEnd(12, "x"), name, spec: { priority } });

  test("is waited for with the reason, over a supervisor that dies, first come first served within a priority", async () => {
    world.limits.maxSessions = 1;
    const first = await world.started(named("first"));
    const second = await world.started(named("second"));
    const third = await world.started(named("third"));
    const urgent = await world.started(named("urgent", 5));
    expect(world.now(second).observed).toMatchObject({ phase: "PENDING", reason: "waits for a place: 1 of 1" });
    await world.restartSupervisor(1000);
    for (const next of [urgent, second, third]) {
      const running = [first, urgent, second, third].find((one) => world.now(one).observed.phase === "RUNNING");
      if (running === undefined) throw new Error("nobody runs");
      world.hive.exit(running.id, { code: 0, signal: null });
      await world.weaver.idle();
      expect(world.now(next).observed.phase).toBe("RUNNING");
    }
    expect(world.phases(third)).toEqual(["PENDING", "PENDING", "STARTING", "RUNNING"]);
  });

  test("is there when the bound is raised", async () => {
    world.limits.maxSessions = 1;
    await world.started(named("first"));
    const second = await world.started(named("second"));
    world.limits.maxSessions = 2;
    world.weaver.lookAtAll();
    await world.weaver.idle();
    expect(world.now(second).observed.phase).toBe("RUNNING");
  });

  test("is taken by no more than there are, however many start at once", async () => {
    world.limits.maxSessions = 3;
    const records = Array.from({ length: 20 }, (_, index) => named(`s${index}`));
    const sessions = await Promise.all(records.map((record) => world.started(record)));
    await world.weaver.idle();
    const running = sessions.filter((session) => world.now(session).observed.phase === "RUNNING");
    expect(running).toHaveLength(3);
  });

  test("needs memory, which is asked for again and again", async () => {
    world.hive.memory = { freeBytes: 1 << 29, totalBytes: 2 ** 34 };
    const session = await world.started();
    expect(world.now(session).observed).toMatchObject({
      phase: "PENDING",
      reason: "waits for memory: 0.5 of 1 GiB free",
    });
    world.hive.memory = { freeBytes: 2 ** 31, totalBytes: 2 ** 34 };
    await world.pass(2000);
    expect(world.now(session).observed.phase).toBe("RUNNING");
  });

  test("is not there for a newcomer that will not wait while others do", async () => {
    world.limits.maxSessions = 1;
    expect(await world.weaver.admission.obstacle(0)).toBeUndefined();
    await world.started(named("first"));
    expect(await world.weaver.admission.obstacle(0)).toBe("waits for a place: 1 of 1");
  });

  test("is given up in BACKOFF, and waited for when the start is due", async () => {
    world.limits.maxSessions = 1;
    const looping = await world.started({ ...named("looping"), spec: { restart: ON_FAILURE } });
    const other = await world.started(named("other"));
    await world.crash(looping);
    expect(world.now(other).observed.phase).toBe("RUNNING");
    await world.pass(2000);
    expect(world.now(looping).observed).toMatchObject({ phase: "PENDING", reason: "waits for a place: 1 of 1" });
    world.hive.exit(other.id, { code: 0, signal: null });
    await world.weaver.idle();
    expect(world.now(looping).observed).toMatchObject({ phase: "RUNNING", attempt: 2 });
  });
});

describe("a restart that somebody asks for", () => {
  test("ends what runs and starts the next attempt, uncounted", async () => {
    const session = await world.started({ spec: { restart: { ...ON_FAILURE, maxRestarts: 0 } } });
    world.want(session, restart(session));
    await world.pass(200);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 2, restarts: 0 });
    expect(world.living(session)).toBe(1);
    expect(world.phases(session)).toEqual(["PENDING", "STARTING", "RUNNING", "STOPPING", "STARTING", "RUNNING"]);
  });

  test.each<[string, (session: SessionRecord) => Promise<void>]>([
    ["COMPLETED", async (session) => world.crash(session, 0)],
    ["CRASHED", async (session) => world.crash(session, 1)],
    [
      "STOPPED",
      async (session) => {
        world.want(session, STOP);
        await world.pass(200);
      },
    ],
    [
      "LOST",
      async () => {
        world.hive.loseHost();
        await world.pass(200);
      },
    ],
  ])("makes one that is %s live again, in its worktree", async (phase, end) => {
    const session = await world.started();
    await end(session);
    expect(world.now(session).observed.phase).toBe(phase);
    world.want(session, restart(session));
    await world.pass(200);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 2 });
    expect(world.hive.specs.at(-1)?.cwd).toBe(session.workspace.cwd);
  });

  test("does not wait for the backoff, and what failed before counts no more", async () => {
    const session = await world.started({ spec: { restart: { ...ON_FAILURE, backoffMs: 50_000 } } });
    await world.crash(session);
    world.want(session, restart(session));
    await world.weaver.idle();
    const { observed } = world.now(session);
    expect(observed).toMatchObject({ phase: "RUNNING", attempt: 2, restarts: 1 });
    expect(observed.countedRestarts).toBeUndefined();
  });

  test("is made once, whatever dies meanwhile", async () => {
    const session = await world.started();
    world.want(session, restart(session));
    world.clock.advance(10);
    for (let round = 0; round < 5; round += 1) await world.restartSupervisor(20);
    await world.pass(500);
    expect(world.now(session).observed).toMatchObject({ phase: "RUNNING", attempt: 2 });
    expect(world.hive.specs).toHaveLength(2);
  });
});

describe("a cascade", () => {
  test("ends children first, over a supervisor that dies in the middle", async () => {
    const parent = await world.started({ id: "parentxxxxxx", name: "parent" });
    const child = await world.started({ id: "childxxxxxxx", name: "child", parentId: parent.id });
    const grandchild = await world.started({ id: "grandchildxx", name: "grandchild", parentId: child.id });
    for (const process of world.hive.processesOf(grandchild.id)) process.ignores = ["SIGTERM"];
    world.want(grandchild, STOP);
    world.want(child, { ...STOP, childrenFirst: true });
    world.want(parent, { ...STOP, childrenFirst: true });
    await world.weaver.idle();
    expect([parent, child].map((one) => world.now(one).observed.phase)).toEqual(["RUNNING", "RUNNING"]);
    await world.restartSupervisor();
    await world.pass(2000);
    const ends = [grandchild, child, parent].map((one) => {
      const stopped = world.store.transitions(one.id).find(({ to }) => to === "STOPPED");
      return {
        id: stopped?.id ?? 0,
        stopping: world.store.transitions(one.id).find(({ to }) => to === "STOPPING")?.id ?? 0,
      };
    });
    expect(ends.every(({ id }) => id > 0)).toBe(true);
    expect(ends[1]?.stopping).toBeGreaterThan(ends[0]?.id ?? 0);
    expect(ends[2]?.stopping).toBeGreaterThan(ends[1]?.id ?? 0);
  });

  test("removes children first", async () => {
    const parent = await world.started({ id: "parentxxxxxx", name: "parent" });
    const child = await world.started({ id: "childxxxxxxx", name: "child", parentId: parent.id });
    world.want(parent, { ...STOP, state: "removed", force: true, childrenFirst: true });
    world.want(child, { ...STOP, state: "removed", force: true });
    await world.pass(500);
    expect(world.store.sessions()).toEqual([]);
    const removed = world.store.events({ limit: 1000 }).filter(({ kind }) => kind === "session.removed");
    expect(removed.map(({ sessionName }) => sessionName)).toEqual(["child", "parent"]);
  });
});

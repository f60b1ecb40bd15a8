/** The supervisor's life: started once, killed, adopted, stopped, without a home. Sessions must not notice. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SessionView } from "../schemas/session-view.ts";
import { FIXTURES, isAlive, makeWorld, processesNaming, until, type World } from "./harness/world.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

const node = process.execPath;
const fixture = (name: string) => join(FIXTURES, name);
const phaseOf = async (name: string) =>
  (await world.json<{ session: SessionView }>("describe", name, "--json")).session.phase;

describe("starting", () => {
  test("twelve commands at once start one supervisor", async () => {
    const ran = await Promise.all(Array.from({ length: 12 }, () => world.overmind("ps")));
    expect(ran.map((one) => one.code)).toEqual(ran.map(() => 0));
    const pid = world.supervisorPid();
    expect(isAlive(pid)).toBe(true);
    const supervisors = () => processesNaming(world.home).filter((one) => one.command.includes("supervisor.cjs"));
    // Those that found the lock taken are on their way out.
    await until(() => supervisors().length === 1, "the others to end");
    expect(supervisors().map((one) => one.pid)).toEqual([pid]);
    expect(world.supervisorPid()).toBe(pid);
  });

  test("a corrupt store is a clear error, and the file is left as it is", async () => {
    mkdirSync(world.home, { recursive: true });
    writeFileSync(world.layout.store, "this is no database, but it may be dear to somebody\n".repeat(100));
    const ran = await world.overmind("ps");
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toContain("store.db");
    expect(readFileSync(world.layout.store, "utf8")).toContain("dear to somebody");
    rmSync(world.layout.store);
  });
});

describe("SIGKILL of the supervisor", () => {
  test("sessions go on, are adopted, and exits in between are known with their codes", async () => {
    const stays = (await world.must("run", "--", node, fixture("echoes.mjs"))).trim();
    const ends = (
      await world.must("run", "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; echo bye; exit 7")
    ).trim();
    await until(async () => (await world.must("logs", stays)).includes("ready"), "the program to be ready");
    await until(async () => (await phaseOf(ends)) === "RUNNING", "the second to run");
    const before = (await world.json<{ session: SessionView }>("describe", stays, "--json")).session;
    const { workspace } = (await world.json<{ session: SessionView }>("describe", ends, "--json")).session;
    const waiting = world.overmind("wait", ends);
    await world.kill(world.supervisorPid());
    expect(isAlive(before.pid ?? 0)).toBe(true);
    writeFileSync(join(workspace.path, "go"), "");
    expect((await world.overmind("wait", ends)).code).toBe(7);
    expect((await waiting).code).toBe(7);
    expect(await phaseOf(ends)).toBe("CRASHED");
    expect(await world.must("logs", ends)).toContain("bye");
    const after = (await world.json<{ session: SessionView }>("describe", stays, "--json")).session;
    expect(after).toMatchObject({ phase: "RUNNING", pid: before.pid, attempt: 1 });
  });

  test("a stop that was asked for is finished by the next supervisor", async () => {
    const name = (await world.must("run", "--grace", "1s", "--", node, fixture("ignores-sigterm.mjs"))).trim();
    await until(async () => (await world.must("logs", name)).includes("ready"), "the program to be ready");
    const stopping = world.overmind("stop", name);
    await until(async () => (await world.must("logs", name)).includes("SIGTERM ignored"), "SIGTERM to arrive");
    await world.kill(world.supervisorPid());
    expect((await stopping).code).toBe(0);
    expect((await world.overmind("wait", name)).code).toBe(137);
    expect(await phaseOf(name)).toBe("STOPPED");
  });
});

describe("SIGKILL of the process host", () => {
  test("what is left of a session is ended, and the session is LOST with a gap in its log", async () => {
    const name = (await world.must("run", "--", node, fixture("ignores-sighup.mjs"))).trim();
    await until(async () => (await world.must("logs", name)).includes("ready"), "the program to be ready");
    const { pid } = (await world.json<{ session: SessionView }>("describe", name, "--json")).session;
    const host = world.hostPid();
    await world.kill(host);
    expect((await world.overmind("wait", name)).code).toBe(125);
    expect(isAlive(pid ?? 0)).toBe(false);
    expect(await phaseOf(name)).toBe("LOST");
    expect(await world.must("logs", name)).toMatch(/process host/);
    expect(world.hostPid()).not.toBe(host);
    const again = (await world.must("run", "--", "true")).trim();
    expect((await world.overmind("wait", again)).code).toBe(0);
  });
});

describe("stopping", () => {
  test("supervisor stop leaves sessions running; --sessions stops them", async () => {
    const name = (await world.must("run", "--", "sleep", "600")).trim();
    await until(async () => (await phaseOf(name)) === "RUNNING", "it to run");
    const { pid } = (await world.json<{ session: SessionView }>("describe", name, "--json")).session;
    const supervisor = world.supervisorPid();
    await world.must("supervisor", "stop");
    await until(() => !isAlive(supervisor), "the supervisor to end");
    expect(isAlive(pid ?? 0)).toBe(true);
    expect(await phaseOf(name)).toBe("RUNNING");
    await world.must("supervisor", "stop", "--sessions");
    expect(isAlive(pid ?? 0)).toBe(false);
    expect(await phaseOf(name)).toBe("STOPPED");
  });

  test("SIGTERM leaves sessions running too", async () => {
    const name = (await world.must("run", "--", "sleep", "600")).trim();
    await until(async () => (await phaseOf(name)) === "RUNNING", "it to run");
    const supervisor = world.supervisorPid();
    process.kill(supervisor, "SIGTERM");
    await until(() => !isAlive(supervisor), "the supervisor to end");
    expect(await phaseOf(name)).toBe("RUNNING");
  });

  test("without its home everything ends by itself", async () => {
    const name = (await world.must("run", "--scratch", "--", "sleep", "600")).trim();
    await until(async () => (await phaseOf(name)) === "RUNNING", "it to run");
    const supervisor = world.supervisorPid();
    const host = world.hostPid();
    rmSync(world.home, { recursive: true, force: true });
    await until(() => !isAlive(supervisor) && !isAlive(host), "supervisor and process host to end", 60_000);
    expect(existsSync(world.layout.mainEndpoint)).toBe(false);
  });
});

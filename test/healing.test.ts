/** Sessions that come back, whole: real programs that crash, stall and are killed, real deaths of supervisor and host. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SessionView, TransitionView } from "../schemas/session-view.ts";
import { DIST, FIXTURES, isAlive, makeWorld, run as runProgram, until, type World } from "./harness/world.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.close());

interface Described {
  readonly session: SessionView;
  readonly transitions: TransitionView[];
}
const described = (name: string) => world.json<Described>("describe", name, "--json");
const sessionOf = async (name: string) => (await described(name)).session;
const run = async (...argv: string[]) => (await world.must("run", ...argv)).trim();
const lives = (path: string) =>
  existsSync(join(path, "lives")) ? readFileSync(join(path, "lives"), "utf8").length : 0;

/** Counts its lives in a file of its worktree, then does what it is told. */
const living = (then: string) => ["sh", "-c", `printf x >> lives; echo "life $(wc -c < lives | tr -d ' ')"; ${then}`];

describe("a restart rule", () => {
  test("brings a crash loop back until it is used up, each time with its reason in describe and in the log", async () => {
    const name = await run(
      "--restart",
      "on-failure",
      "--max-restarts",
      "3",
      "--backoff",
      "50ms",
      "--",
      ...living("exit 9"),
    );
    expect((await world.overmind("wait", name)).code).toBe(9);
    const { session, transitions } = await described(name);
    expect(session).toMatchObject({
      phase: "CRASHED",
      reason: "restarts used up: 3 since it was last healthy, last exited with code 9",
      attempt: 4,
      restarts: 3,
    });
    expect(lives(session.workspace.path)).toBe(4);
    const backoffs = transitions.filter(({ to }) => to === "BACKOFF");
    expect(backoffs.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    for (const [index, { reason, evidence }] of backoffs.entries()) {
      expect(reason).toMatch(new RegExp(`^exited with code 9; restart ${index + 1} of 3 in \\d+ms$`));
      expect(evidence).toMatchObject({ code: 9, restart: index + 1 });
    }
    const log = await world.must("logs", name);
    const told = log.split("\n").filter((line) => /life \d|-> BACKOFF|used up/.test(line));
    expect(told.map((line) => /life \d|restart \d of 3|restarts used up/.exec(line)?.[0])).toEqual([
      "life 1",
      "restart 1 of 3",
      "life 2",
      "restart 2 of 3",
      "life 3",
      "restart 3 of 3",
      "life 4",
      "restarts used up",
    ]);
  });

  test("on-failure leaves exit 0 alone, always does not", async () => {
    const once = await run("--restart", "on-failure", "--", ...living("exit 0"));
    expect((await world.overmind("wait", once)).code).toBe(0);
    expect(await sessionOf(once)).toMatchObject({ phase: "COMPLETED", attempt: 1 });
    const again = await run("--restart", "always", "--max-restarts", "2", "--backoff", "0", "--", ...living("exit 0"));
    expect((await world.overmind("wait", again)).code).toBe(0);
    expect(await sessionOf(again)).toMatchObject({ phase: "CRASHED", attempt: 3 });
  });

  test("is kept over SIGKILL of the supervisor in BACKOFF, and shown", async () => {
    const name = await run(
      "--restart",
      "on-failure",
      "--backoff",
      "3s",
      "--",
      ...living("[ -e healed ] || exit 1; sleep 1000"),
    );
    await until(async () => (await sessionOf(name)).phase === "BACKOFF", "the session to be in BACKOFF");
    const before = await sessionOf(name);
    expect(before.restart).toMatchObject({ policy: "on-failure", maxRestarts: 5, counted: 1 });
    expect(before.nextStartAt).not.toBeNull();
    expect(await world.must("ps", "-o", "wide")).toMatch(/BACKOFF/);
    writeFileSync(join(before.workspace.path, "healed"), "");
    await world.kill(world.supervisorPid());
    const after = await sessionOf(name);
    if (after.phase === "BACKOFF") expect(after.nextStartAt).toBe(before.nextStartAt);
    await until(async () => (await sessionOf(name)).phase === "RUNNING", "the session to come back");
    expect(await sessionOf(name)).toMatchObject({ attempt: 2, restarts: 1, restart: { counted: 1 } });
    expect(lives(before.workspace.path)).toBe(2);
  });

  test("brings back what is killed from outside, and stop ends it for good", async () => {
    const name = await run("--restart", "always", "--backoff", "0", "--", ...living("sleep 1000"));
    await until(async () => (await sessionOf(name)).pid !== null, "the session to run");
    const first = await sessionOf(name);
    process.kill(first.pid ?? 0, "SIGKILL");
    await until(async () => (await sessionOf(name)).attempt === 2, "the session to come back");
    await world.must("stop", name);
    expect(await sessionOf(name)).toMatchObject({ phase: "STOPPED", attempt: 2 });
    expect(isAlive(first.pid ?? 0)).toBe(false);
  });

  test("brings sessions back after the process host's death, each old tree gone before, uncounted", async () => {
    const ignoring = ["--restart", "on-failure", "--", process.execPath, join(FIXTURES, "ignores-sighup.mjs")];
    const names = await Promise.all(Array.from({ length: 5 }, () => run(...ignoring)));
    await until(
      async () =>
        (await Promise.all(names.map((name) => world.must("logs", name)))).every((log) => log.includes("ready")),
      "all to be ready",
    );
    const before = await Promise.all(names.map(sessionOf));
    await world.kill(world.hostPid());
    await until(
      async () =>
        (await Promise.all(names.map(sessionOf))).every(({ phase, attempt }) => phase === "RUNNING" && attempt === 2),
      "all to come back",
    );
    for (const [index, name] of names.entries()) {
      const { session, transitions } = await described(name);
      expect(isAlive(before[index]?.pid ?? 0)).toBe(false);
      expect(session).toMatchObject({ restarts: 0, restart: { counted: 0 } });
      expect(transitions.some(({ reason }) => /process host died.*starts again/.test(reason))).toBe(true);
      expect(await world.must("logs", name)).toContain("process host");
    }
  });
});

describe("a reboot", () => {
  test("claims nothing that does not run, signals no stranger, and brings back what its rule says, in the present login", async () => {
    const before = { ...world.environment, SSH_AUTH_SOCK: "/run/old-agent" };
    const tellsAgent = ["sh", "-c", 'echo "agent $SSH_AUTH_SOCK"; exec sleep 1000'];
    const overmind = (environment: NodeJS.ProcessEnv, ...argv: string[]) =>
      runProgram(process.execPath, [join(DIST, "overmind.cjs"), ...argv], world.project, environment);
    const started = async (...flags: string[]) =>
      (await overmind(before, "run", ...flags, "--", ...tellsAgent)).stdout.trim();
    const names = { back: await started("--restart", "always"), gone: await started() };
    await until(
      async () =>
        (await Promise.all(Object.values(names).map((name) => world.must("logs", name)))).every((log) =>
          log.includes("agent"),
        ),
      "both to speak",
    );
    const pids = await Promise.all(Object.values(names).map(async (name) => (await sessionOf(name)).pid ?? 0));
    const [supervisor, host] = [world.supervisorPid(), world.hostPid()];
    // All at once, as a machine that loses its power; files and sockets stay.
    for (const pid of [supervisor, host, ...pids]) process.kill(pid, "SIGKILL");
    await until(() => [supervisor, host, ...pids].every((pid) => !isAlive(pid)), "all to be gone");
    const stranger = spawn("sleep", ["1000"], { stdio: "ignore" });
    try {
      for (const path of [world.layout.supervisorIdentity, world.layout.hostIdentity]) {
        const identity = JSON.parse(readFileSync(path, "utf8")) as object;
        writeFileSync(path, JSON.stringify({ ...identity, pid: stranger.pid }));
      }
      const after = { ...world.environment, SSH_AUTH_SOCK: "/run/new-agent" };
      expect((await overmind(after, "ps")).code).toBe(0);
      await until(async () => (await sessionOf(names.back)).attempt === 2, "the one to come back");
      await until(
        async () => (await world.must("logs", names.back)).includes("agent /run/new-agent"),
        "its second life to speak",
      );
      expect(await sessionOf(names.back)).toMatchObject({ phase: "RUNNING", restarts: 0 });
      expect((await sessionOf(names.gone)).phase).toBe("LOST");
      expect(isAlive(stranger.pid ?? 0)).toBe(true);
    } finally {
      stranger.kill("SIGKILL");
    }
  });
});

describe("an activity timeout", () => {
  test("ends a program that says nothing, and its rule brings it back", async () => {
    const name = await run(
      ...["--activity-timeout", "1s", "--restart", "on-failure", "--backoff", "0", "--max-restarts", "1"],
      ...["--", ...living('[ "$(wc -c < lives)" = 2 ] && while true; do echo alive; sleep 0.2; done; exec sleep 1000')],
    );
    await until(async () => (await world.must("logs", name)).includes("alive"), "the second life to speak");
    const { session, transitions } = await described(name);
    expect(session).toMatchObject({ phase: "RUNNING", attempt: 2, restarts: 1 });
    expect(transitions.map(({ reason }) => reason)).toContainEqual("no output for 1s");
  });
});

describe("restart", () => {
  test("starts a session anew in its worktree, whether it runs or has ended", async () => {
    const name = await run("--", ...living("sleep 1000"));
    await until(async () => (await sessionOf(name)).phase === "RUNNING", "the session to run");
    const first = await sessionOf(name);
    await world.must("restart", name);
    const second = await sessionOf(name);
    expect(second).toMatchObject({ phase: "RUNNING", attempt: 2, restarts: 0 });
    expect(isAlive(first.pid ?? 0)).toBe(false);
    await world.must("stop", name);
    await world.must("restart", name);
    expect(await sessionOf(name)).toMatchObject({
      phase: "RUNNING",
      attempt: 3,
      workspace: { path: first.workspace.path },
    });
    await until(() => lives(first.workspace.path) === 3, "its third life");
  });
});

describe("places", () => {
  test("one more than there are waits with its reason, over a supervisor that is killed, and starts when one is free", async () => {
    await world.must("config", "set", "maxSessions", "2", "--user");
    const running = [await run("--", "sleep", "1000"), await run("--", "sleep", "1000")];
    await until(
      async () => (await Promise.all(running.map(sessionOf))).every(({ phase }) => phase === "RUNNING"),
      "two to run",
    );
    const waiting = await run("--", "sleep", "1000");
    const urgent = await run("--priority", "5", "--", "sleep", "1000");
    await until(async () => (await sessionOf(urgent)).reason === "waits for a place: 2 of 2", "the reason to be told");
    expect(await sessionOf(waiting)).toMatchObject({ phase: "PENDING", reason: "waits for a place: 2 of 2" });
    const refused = await world.overmind("run", "--no-queue", "--", "sleep", "1000");
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain("waits for a place: 2 of 2");
    await world.kill(world.supervisorPid());
    await world.must("stop", running[0] ?? "");
    await until(async () => (await sessionOf(urgent)).phase === "RUNNING", "the urgent one to start");
    expect((await sessionOf(waiting)).phase).toBe("PENDING");
    await world.must("config", "set", "maxSessions", "3", "--user");
    await until(async () => (await sessionOf(waiting)).phase === "RUNNING", "the other to start");
  });

  test("memory that is short is waited for", async () => {
    await world.must("config", "set", "memoryFloorBytes", String(2 ** 49), "--user");
    const name = await run("--", "true");
    await until(async () => (await sessionOf(name)).reason.startsWith("waits for memory: "), "the reason to be told");
    expect((await sessionOf(name)).reason).toMatch(/^waits for memory: [\d.]+ of 524288 GiB free$/);
    await world.must("config", "set", "memoryFloorBytes", "0", "--user");
    expect((await world.overmind("wait", name)).code).toBe(0);
  });
});

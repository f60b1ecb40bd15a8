/** What a session does, whole: the built CLI, a real repository, real programs that misbehave. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SessionView, TransitionView } from "../schemas/session-view.ts";
import { FIXTURES, isAlive, makeWorld, until, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

const node = process.execPath;
const fixture = (name: string) => join(FIXTURES, name);

interface Described {
  readonly session: SessionView;
  readonly transitions: TransitionView[];
}
const described = (name: string) => world.json<Described>("describe", name, "--json");

async function run(...argv: string[]): Promise<string> {
  return (await world.must("run", ...argv)).trim();
}

describe("one-shot commands", () => {
  test("a command that exits 0 is COMPLETED, its output in the log, its worktree on a branch of its own", async () => {
    const name = await run("--", "sh", "-c", "pwd; git branch --show-current; echo to-stderr >&2");
    expect((await world.overmind("wait", name)).code).toBe(0);
    const { session, transitions } = await described(name);
    expect(session).toMatchObject({
      phase: "COMPLETED",
      exit: { code: 0, signal: null },
      workspace: { kind: "worktree", branch: `overmind/${name}` },
    });
    expect(transitions.map((one) => one.to)).toEqual(["PENDING", "STARTING", "RUNNING", "COMPLETED"]);
    const lines = (await world.must("logs", name)).split("\n");
    expect(lines).toContain(session.workspace.path);
    expect(lines).toContain(`overmind/${name}`);
    expect(lines).toContain("to-stderr");
    expect(session.workspace.path.startsWith(join(world.project, ".overmind/worktrees"))).toBe(true);
    expect(await world.git("status", "--porcelain")).toBe("");
  });

  test.each([
    [3, "CRASHED"],
    [0, "COMPLETED"],
  ])("exit code %i is passed on by wait and ends %s", async (code, phase) => {
    const name = await run("--", "sh", "-c", `exit ${code}`);
    expect((await world.overmind("wait", name)).code).toBe(code);
    expect((await described(name)).session.phase).toBe(phase);
  });

  test("thirty programs that end at once are all seen to end", async () => {
    const names = await Promise.all(Array.from({ length: 30 }, () => run("--scratch", "--", "true")));
    const codes = await Promise.all(
      names.map(async (name) => (await world.overmind("wait", name, "--timeout", "60s")).code),
    );
    expect(codes).toEqual(names.map(() => 0));
  });

  test("a signal is 128 + N, and describe says which", async () => {
    const name = await run("--", "sh", "-c", "kill -USR1 $$");
    expect((await world.overmind("wait", name)).code).toBe(138);
    const { session } = await described(name);
    expect(session).toMatchObject({ phase: "CRASHED", exit: { code: null, signal: "SIGUSR1" } });
    expect(session.reason).toContain("SIGUSR1");
  });

  test("a program that prints nothing has an empty log", async () => {
    const name = await run("--", "true");
    await world.overmind("wait", name);
    expect(
      (await world.must("logs", name)).split("\n").filter((line) => line !== "" && !line.startsWith("--")),
    ).toEqual([]);
  });

  test.each([
    ["no-such-program-of-ours", 127],
    ["./README.md", 126],
  ])("%s cannot be started: CRASHED with the reason, wait says %i", async (program, code) => {
    const name = await run("--", program);
    expect((await world.overmind("wait", name)).code).toBe(code);
    const { session } = await described(name);
    expect(session.phase).toBe("CRASHED");
    expect(session.reason).toContain(program.replace("./", ""));
  });

  test("the environment is the caller's less the table, plus ours", async () => {
    const name = await run("--env", "ASKED=yes", "--", "sh", "-c", "env; overmind --version");
    await world.overmind("wait", name);
    const { session } = await described(name);
    const log = await world.must("logs", name);
    expect(log).toContain(`OVERMIND_SESSION_ID=${session.id}\n`);
    expect(log).toContain(`OVERMIND_SESSION_NAME=${name}\n`);
    expect(log).toMatch(/^OVERMIND_ENDPOINT=.+$/m);
    expect(log).toMatch(/^OVERMIND_TOKEN=.+$/m);
    expect(log).toContain("TERM=xterm-256color\n");
    expect(log).toContain("ASKED=yes\n");
    expect(log).not.toMatch(/^OVERMIND_HOME=/m);
    expect(log).toMatch(/^overmind \d+\.\d+\.\d+/m);
    const listing = await world.must("describe", name);
    expect(listing).not.toContain("ASKED=yes");
    expect(await world.must("describe", name, "--show-env")).toContain("ASKED=yes");
  });
});

describe("ending", () => {
  test("a program that ignores SIGTERM gets SIGKILL after the grace, and stop names it", async () => {
    const name = await run("--grace", "500ms", "--", node, fixture("ignores-sigterm.mjs"));
    await until(async () => (await world.must("logs", name)).includes("ready"), "the program to be ready");
    const stopped = await world.must("stop", name);
    expect(stopped).toContain(name);
    expect(stopped).toContain("ignores-sigterm.mjs");
    const { session } = await described(name);
    expect(session).toMatchObject({ phase: "STOPPED", exit: { code: null, signal: "SIGKILL" } });
    expect(await world.must("logs", name)).toContain("SIGTERM ignored");
  });

  test("kill is SIGKILL at once", async () => {
    const name = await run("--", node, fixture("ignores-sigterm.mjs"));
    await until(async () => (await world.must("logs", name)).includes("ready"), "the program to be ready");
    await world.must("kill", name);
    const { session } = await described(name);
    expect(session).toMatchObject({ phase: "STOPPED", exit: { signal: "SIGKILL" } });
    expect(await world.must("logs", name)).not.toContain("SIGTERM ignored");
  });

  test("kill -s signals the main process alone and changes no desired state", async () => {
    const name = await run("--", "sh", "-c", "trap 'echo got usr1' USR1; echo ready; while :; do sleep 0.05; done");
    await until(async () => (await world.must("logs", name)).includes("ready"), "the program to be ready");
    await world.must("kill", "-s", "USR1", name);
    await until(async () => (await world.must("logs", name)).includes("got usr1"), "the signal to arrive");
    expect((await described(name)).session.phase).toBe("RUNNING");
    await world.must("kill", name);
  });

  test("a daemon that left the group is ended with its session, and named", async () => {
    const pidFile = join(world.root, "daemon.pid");
    const name = await run("--", node, fixture("double-forks.mjs"), pidFile, "stay");
    await until(() => existsSync(pidFile), "the daemon to run");
    const daemon = Number(readFileSync(pidFile, "utf8"));
    await until(async () => (await world.must("logs", name)).includes("daemon left behind"), "the program to say so");
    const stopped = await world.must("stop", name);
    expect(isAlive(daemon)).toBe(false);
    expect(stopped).toContain(String(daemon));
  });

  test("what a finished program left behind is ended and named, unless --keep-children", async () => {
    const pidFile = join(world.root, "left.pid");
    const name = await run("--", node, fixture("double-forks.mjs"), pidFile, "4");
    expect((await world.overmind("wait", name)).code).toBe(4);
    const daemon = Number(readFileSync(pidFile, "utf8"));
    expect(isAlive(daemon)).toBe(false);
    expect((await described(name)).session.reason).toContain(String(daemon));

    const keptFile = join(world.root, "kept.pid");
    const keeping = await run("--keep-children", "--", node, fixture("double-forks.mjs"), keptFile, "0");
    expect((await world.overmind("wait", keeping)).code).toBe(0);
    const kept = Number(readFileSync(keptFile, "utf8"));
    expect(isAlive(kept)).toBe(true);
    process.kill(kept, "SIGKILL");
  });
});

describe("names", () => {
  test("a living session's name is a conflict, and free again once it has ended", async () => {
    await run("--name", "twin", "--", "sleep", "600");
    const second = await world.overmind("run", "--name", "twin", "--", "true");
    expect(second.code).toBe(4);
    expect(second.stderr).toContain("twin");
    await world.must("kill", "twin");
    await run("--name", "twin", "--", "true");
    expect((await world.overmind("wait", "twin")).code).toBe(0);
  });

  test("an unknown session is not found, and says the nearest", async () => {
    await run("--name", "calm-heron", "--", "true");
    const ran = await world.overmind("describe", "calm-hero-n");
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain("calm-heron");
  });
});

describe("worktrees", () => {
  test("uncommitted changes are named, and carried over only when asked", async () => {
    writeFileSync(join(world.project, "staged.txt"), "staged\n");
    await world.git("add", "staged.txt");
    writeFileSync(join(world.project, "README.md"), "changed\n");
    writeFileSync(join(world.project, "untracked.txt"), "untracked\n");
    const status = await world.git("status", "--porcelain");
    const without = await world.overmind("run", "--name", "without", "--", "git", "status", "--porcelain");
    expect(without.stderr).toContain("--with-changes");
    await world.overmind("wait", "without");
    expect(await world.must("logs", "without")).not.toContain("staged.txt");
    await run("--name", "with", "--with-changes", "--", "git", "status", "--porcelain");
    await world.overmind("wait", "with");
    for (const line of status.trimEnd().split("\n")) expect(await world.must("logs", "with")).toContain(line);
    await world.git("reset", "--quiet", "--hard");
    rmSync(join(world.project, "untracked.txt"));
  });

  test("rm refuses to lose work, saves it when forced, and removes what has none", async () => {
    const name = await run("--", "sh", "-c", "echo work > work.txt");
    await world.overmind("wait", name);
    const { path } = (await described(name)).session.workspace;
    const refused = await world.overmind("rm", name);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain("work.txt");
    expect(existsSync(join(path, "work.txt"))).toBe(true);
    const { id } = (await described(name)).session;
    await world.must("rm", "--force", name);
    expect(existsSync(path)).toBe(false);
    expect(await world.git("show", `refs/overmind/trash/${id}:work.txt`)).toBe("work\n");
    const clean = await run("--", "true");
    await world.overmind("wait", clean);
    const cleanPath = (await described(clean)).session.workspace.path;
    await world.must("rm", clean);
    expect(existsSync(cleanPath)).toBe(false);
    expect(await world.git("branch", "--list", `overmind/${clean}`)).toBe("");
    expect((await world.overmind("describe", clean)).code).toBe(3);
  });

  test("outside git --scratch is needed and gives a repository of its own", async () => {
    const refused = await world.overmind("run", "--project", world.root, "--", "true");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("--scratch");
    const name = await run("--project", world.root, "--scratch", "--", "git", "rev-parse", "--show-toplevel");
    expect((await world.overmind("wait", name)).code).toBe(0);
    const { session } = await described(name);
    expect(session.workspace.kind).toBe("scratch");
    expect(await world.must("logs", name)).toContain(session.workspace.path);
  });
});

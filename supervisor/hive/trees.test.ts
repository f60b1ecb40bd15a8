import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Result } from "../../schemas/fault.ts";
import { NO_CONTROL_GROUPS } from "./os/control-groups.ts";
import { processStartTime, processSystem } from "./process-identity.ts";
import { SILENT_LOG } from "./project.fake.ts";
import { systemIdentities } from "./system-clock.ts";
import { ProcessTrees } from "./trees.ts";

const FIXTURES = resolve(import.meta.dirname, "../../test/fixtures");

/** A new one each time: marks are looked for on the whole machine. */
let ID: string;
let folder: string;
let trees: ProcessTrees;
const started = new Set<number>();
beforeEach(() => {
  ID = systemIdentities.sessionId();
  folder = mkdtempSync(join(tmpdir(), "om-trees-"));
  trees = newTrees();
});
afterEach(async () => {
  must(await newTrees().signal(ID, undefined, "SIGKILL"));
  for (const pid of started) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  }
  started.clear();
  rmSync(folder, { recursive: true, force: true });
});

function newTrees(): ProcessTrees {
  const exempt = () => new Set([process.pid]);
  return new ProcessTrees({ system: processSystem(), groups: NO_CONTROL_GROUPS, exempt, log: SILENT_LOG });
}

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

/** As the process host starts a session's main process: in a session of its own, with the session's id. */
async function start(program: string, argv: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const env = { PATH: process.env.PATH, OVERMIND_SESSION_ID: ID, ...environment };
  const child = spawn(program, argv, { detached: true, env, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((spawned) => child.once("spawn", spawned));
  const pid = child.pid ?? 0;
  started.add(pid);
  const main = { pid, startTime: processStartTime(pid) ?? "" };
  trees.sawMain(ID, main);
  return { child, main, exited: new Promise<void>((exited) => child.once("exit", () => exited())) };
}

function fixture(name: string, ...argv: string[]) {
  return start(process.execPath, [join(FIXTURES, name), ...argv]);
}

function says(child: ChildProcess, text: string): Promise<void> {
  return new Promise((heard, failed) => {
    let said = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(text)) heard();
    });
    child.once("exit", () => failed(new Error(`it ended without saying ${text}: ${said}`)));
  });
}

function pidIn(path: string): number {
  const pid = Number(readFileSync(path, "utf8"));
  started.add(pid);
  return pid;
}

async function gone(pid: number, startTime: string | undefined): Promise<void> {
  while (processStartTime(pid) === startTime) await new Promise((wake) => setTimeout(wake, 5));
}

test("a shell, its jobs, and a stopped one: SIGTERM ends all of them", async () => {
  const script = `sleep 100 & (sleep 101 & exec sleep 102) & sleep 103 & kill -STOP $!; echo ready; wait`;
  const { child, main, exited } = await start("sh", ["-c", script]);
  await says(child, "ready");
  let members = must(await trees.members(ID, main));
  while (members.length < 5) members = must(await trees.members(ID, main));
  expect(members.find(({ pid }) => pid === main.pid)?.command).toBe(`sh -c ${script}`);
  const signalled = must(await trees.signal(ID, main, "SIGTERM"));
  expect(signalled.map(({ pid }) => pid).sort()).toEqual(members.map(({ pid }) => pid).sort());
  await exited;
  await Promise.all(members.map(({ pid, startTime }) => gone(pid, startTime)));
  expect(must(await trees.members(ID, main))).toEqual([]);
});

test("who ignores SIGTERM is still a member, until SIGKILL", async () => {
  const { child, main, exited } = await fixture("ignores-sigterm.mjs");
  await says(child, "ready");
  must(await trees.signal(ID, main, "SIGTERM"));
  await says(child, "SIGTERM ignored");
  expect(must(await trees.members(ID, main))).toHaveLength(1);
  must(await trees.signal(ID, main, "SIGKILL"));
  await exited;
  expect(must(await trees.members(ID, main))).toEqual([]);
});

test("a daemon that forked twice and left is found after main has ended, also by a restarted supervisor", async () => {
  const pidFile = join(folder, "pid");
  const { child, main, exited } = await fixture("double-forks.mjs", pidFile, "3");
  await says(child, "left behind");
  await exited;
  const daemon = pidIn(pidFile);
  for (const restarted of [trees, newTrees()]) {
    expect(must(await restarted.members(ID, main)).map(({ pid }) => pid)).toEqual([daemon]);
    expect(must(await restarted.members(ID, undefined)).map(({ pid }) => pid)).toEqual([daemon]);
  }
  expect(must(await trees.members(systemIdentities.sessionId(), undefined))).toEqual([]);
  const startTime = processStartTime(daemon);
  const signalled = must(await newTrees().signal(ID, main, "SIGKILL"));
  expect(signalled).toHaveLength(1);
  expect(signalled[0]?.command).toContain("node");
  await gone(daemon, startTime);
});

test("a daemon without our mark is remembered from the time when it was a descendant", async () => {
  const pidFile = join(folder, "pid");
  const script = `env -u OVERMIND_SESSION_ID setsid sh -c 'echo $$ > ${pidFile}; exec sleep 100' & while ! test -s ${pidFile}; do :; done; echo ready; read x`;
  const child = spawn("sh", ["-c", script], {
    detached: true,
    env: { PATH: process.env.PATH, OVERMIND_SESSION_ID: ID },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const main = { pid: child.pid ?? 0, startTime: processStartTime(child.pid ?? 0) ?? "" };
  started.add(main.pid);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await says(child, "ready");
  const daemon = pidIn(pidFile);
  must(await trees.usage([{ sessionId: ID, main }], { io: false }));
  child.stdin.end();
  await exited;
  expect(must(await trees.members(ID, main)).map(({ pid }) => pid)).toEqual([daemon]);
  expect(must(await newTrees().members(ID, main))).toEqual([]);
});

test("daemons of ours that a session started are left alone", async () => {
  const script = `OVERMIND_DAEMON=supervisor setsid sh -c 'sleep 100 & echo $! > ${folder}/inner; echo $$ > ${folder}/outer; wait' & while ! test -s ${folder}/outer; do :; done; echo ready; wait`;
  const { child, main } = await start("sh", ["-c", script]);
  await says(child, "ready");
  const daemons = [pidIn(join(folder, "inner")), pidIn(join(folder, "outer"))];
  const members = must(await trees.members(ID, main)).map(({ pid }) => pid);
  expect(members).toContain(main.pid);
  for (const daemon of daemons) expect(members).not.toContain(daemon);
});

test("a stranger with main's pid is not signalled", async () => {
  const { main } = await start("sleep", ["100"], { OVERMIND_SESSION_ID: undefined });
  const earlier = { pid: main.pid, startTime: String(Number(main.startTime) - 1) };
  expect(must(await trees.signal(ID, earlier, "SIGKILL"))).toEqual([]);
  expect(processStartTime(main.pid)).toBe(main.startTime);
});

test("processes that fork while they are being killed are killed too", async () => {
  const script = `echo ready; i=0; while [ $i -lt 400 ]; do sleep 100 & i=$((i+1)); done; wait`;
  const { child, main, exited } = await start("sh", ["-c", script]);
  await says(child, "ready");
  const killed = must(await trees.signal(ID, main, "SIGKILL"));
  await exited;
  await Promise.all(killed.map(({ pid, startTime }) => gone(pid, startTime)));
  expect(must(await trees.members(ID, main))).toEqual([]);
});

test("no signal is no signal", async () => {
  expect(await trees.signal(ID, undefined, "SIGNOTHING")).toMatchObject({
    ok: false,
    fault: { code: "invalid-params" },
  });
});

test("what a tree uses: all of its processes together, over the time between two samples", async () => {
  const { child, main } = await start("sh", ["-c", "while :; do :; done & sleep 100 & echo ready; wait"]);
  await says(child, "ready");
  const sessions = [{ sessionId: ID, main }];
  const [first] = must(await trees.usage(sessions, { io: false }));
  expect(first).toMatchObject({ sessionId: ID, cpu: 0, processes: 3 });
  expect(first?.memoryBytes).toBeGreaterThan(100 << 10);
  let second = first;
  while (second?.cpu === 0) {
    await new Promise((wake) => setTimeout(wake, 20));
    [second] = must(await trees.usage(sessions, { io: false }));
  }
  expect(second?.cpu).toBeGreaterThan(0.05);
  expect(second?.cpu).toBeLessThan(1.5);
  // Too soon for another share: the last one stands.
  expect(must(await trees.usage(sessions, { io: false }))[0]?.cpu).toBe(second?.cpu);
});

test("what a tree reads and writes is told when it is asked for, from the second time on", async (context) => {
  context.skip(process.platform !== "linux", "only Linux tells a user what a process reads and writes");
  const { main } = await start("sleep", ["100"]);
  const sessions = [{ sessionId: ID, main }];
  expect(must(await trees.usage(sessions, { io: true }))[0]).not.toHaveProperty("readBytesPerSecond");
  let later = must(await trees.usage(sessions, { io: true }))[0];
  while (later?.readBytesPerSecond === undefined) {
    await new Promise((wake) => setTimeout(wake, 20));
    [later] = must(await trees.usage(sessions, { io: true }));
  }
  expect(later).toMatchObject({ writtenBytesPerSecond: 0 });
  expect(later.readBytesPerSecond).toBeGreaterThanOrEqual(0);
  expect(must(await trees.usage(sessions, { io: false }))[0]).not.toHaveProperty("readBytesPerSecond");
});

test("looks that are wanted at the same moment share one pass over the process table", async () => {
  let passes = 0;
  const system = processSystem();
  const counting = {
    ...system,
    readTable: () => {
      passes += 1;
      return system.readTable();
    },
  };
  const parts = { system: counting, groups: NO_CONTROL_GROUPS, log: SILENT_LOG };
  const counted = new ProcessTrees({ ...parts, exempt: () => new Set() });
  await Promise.all(Array.from({ length: 20 }, () => counted.members(ID, undefined)));
  expect(passes).toBe(1);
  const first = counted.members(ID, undefined);
  while (passes === 1) await new Promise((next) => setImmediate(next));
  await Promise.all([first, counted.members(ID, undefined), counted.members(ID, undefined)]);
  expect(passes).toBe(3);
});

/** Who has left everything of its session behind is found by its control group; where none can be made, it is not. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { CONTROL_GROUP_PIDS, homeControlGroup, sessionLabel } from "../../schemas/control-groups.ts";
import { controlGroupFolder, pidsInGroup, sessionGroups } from "../../test/harness/control-groups.ts";
import {
  buildHostOnce,
  exitOf,
  type HiveWorld,
  makeHiveWorld,
  must,
  newKey,
  specOf,
  until,
} from "./hive-world.fake.ts";
import type { LocalHive } from "./local-hive.ts";
import { openControlGroups } from "./os/control-groups.ts";
import { processStartTime } from "./process-identity.ts";

const FIXTURES = resolve(import.meta.dirname, "../../test/fixtures");
const ESCAPES = join(FIXTURES, "escapes.sh");
const HOPS = join(FIXTURES, "hops.sh");
/** Undefined: no group can be made here, and the tests say what holds then. */
const around = controlGroupFolder();

let built: Awaited<ReturnType<typeof buildHostOnce>>;
let world: HiveWorld;
let pidFile: string;
let left: number | undefined;
beforeAll(async () => {
  built = await buildHostOnce();
});
afterAll(() => built.remove());
beforeEach(() => {
  world = makeHiveWorld(built.script);
  pidFile = join(world.layout.home, "daemon.pid");
  left = undefined;
});
afterEach(async () => {
  if (left !== undefined && processStartTime(left) !== undefined) process.kill(left, "SIGKILL");
  await world.close();
});

async function startEscaping(hive: LocalHive) {
  const key = newKey();
  const { process: main } = must(await hive.processes.start(specOf(key, [ESCAPES, pidFile])));
  await until(() => existsSync(pidFile), "the daemon");
  const daemon = Number(readFileSync(pidFile, "utf8"));
  left = daemon;
  return { key, daemon, main: { pid: main.pid, startTime: main.startTime } };
}

const pidsOf = async (hive: LocalHive, sessionId: string, main?: { pid: number; startTime: string }) =>
  must(await hive.trees.members(sessionId, main)).map(({ pid }) => pid);

test("a daemon that forked twice, leads a session, has no parent and no environment is found and ended", async (context) => {
  context.skip(process.platform !== "linux", "control groups are Linux's");
  const hive = await world.open();
  const { key, daemon, main } = await startEscaping(hive);
  must(await hive.processes.input(key, Buffer.from("\n")));
  await exitOf(hive, key);
  if (around === undefined) {
    expect(await pidsOf(hive, key.sessionId, main)).toEqual([]);
    return;
  }
  expect(must(await hive.trees.members(key.sessionId, main))).toEqual([
    { pid: daemon, startTime: processStartTime(daemon), command: "sleep 1000" },
  ]);
  const usage = must(await hive.trees.usage([{ sessionId: key.sessionId, main }], { io: false }));
  expect(usage).toMatchObject([{ processes: 1 }]);
  expect(must(await hive.trees.signal(key.sessionId, main, "SIGTERM"))).toMatchObject([{ pid: daemon }]);
  await until(() => processStartTime(daemon) === undefined, "the daemon to end");
  expect(await pidsOf(hive, key.sessionId, main)).toEqual([]);
});

test("it is found by a later supervisor too, and by one whose process host died", async (context) => {
  context.skip(process.platform !== "linux", "control groups are Linux's");
  const first = await world.open();
  const { key, daemon, main } = await startEscaping(first);
  const expected = around === undefined ? [] : [daemon];
  await first.close({ endIdleHost: false });
  const second = await world.open();
  expect(await pidsOf(second, key.sessionId, main)).toEqual([main.pid, ...expected]);
  process.kill(world.host().pid, "SIGKILL");
  // Its input is closed with its host, and so it ends.
  await until(() => processStartTime(main.pid) === undefined, "the main process to end");
  const third = await world.open();
  await until(() => third.host() !== undefined, "another host");
  expect(await pidsOf(third, key.sessionId)).toEqual(expected);
  expect(must(await third.trees.signal(key.sessionId, undefined, "SIGKILL")).map(({ pid }) => pid)).toEqual(expected);
});

test("SIGKILL ends whoever forks faster than anybody can look, and names those who were seen", async () => {
  const hive = await world.open();
  const key = newKey();
  const argv = around === undefined ? ["sleep", "1000"] : ["sh", "-c", '"$0" & exec sleep 1000', HOPS];
  const { process: main } = must(await hive.processes.start(specOf(key, argv)));
  const host = world.host().pid;
  const living = () =>
    around === undefined ? [] : sessionGroups(around, world.layout.home, key.sessionId).flatMap(pidsInGroup);
  await until(() => around === undefined || !living().includes(host), "the host to go on");
  await until(() => around === undefined || living().some((pid) => pid !== main.pid), "it to fork");
  const killed = must(await hive.trees.signal(key.sessionId, main, "SIGKILL"));
  expect(killed.map(({ pid }) => pid)).toContain(main.pid);
  // A look at the process table may miss them all; the group's own list never does.
  await until(() => living().length === 0, "all of them to end");
  expect(await pidsOf(hive, key.sessionId, main)).toEqual([]);
});

test("what a host elsewhere left behind is found, and removed once it is empty", async () => {
  if (around === undefined) {
    expect((await openControlGroups(world.layout.home).look()).groupsOf("abcdefghijkl")).toEqual([]);
    return;
  }
  const elsewhere = join(around, `om-elsewhere-${process.pid}`);
  const key = newKey();
  const group = join(elsewhere, homeControlGroup(world.layout.home), "place");
  const empty = join(elsewhere, homeControlGroup(world.layout.home), "another", sessionLabel(newKey().sessionId));
  for (const one of [join(group, sessionLabel(key.sessionId)), empty]) mkdirSync(one, { recursive: true });
  const child = spawn("sleep", ["1000"], { env: { PATH: process.env.PATH }, detached: true, stdio: "ignore" });
  try {
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    writeFileSync(join(group, CONTROL_GROUP_PIDS), String(pid));
    const hive = await world.open();
    expect(await pidsOf(hive, key.sessionId)).toEqual([pid]);
    expect(existsSync(dirname(empty)), "the empty one").toBe(false);
    must(await hive.trees.signal(key.sessionId, undefined, "SIGKILL"));
    await until(() => pidsInGroup(group).length === 0, "it to end");
    must(await hive.processes.forgetSession(key.sessionId));
    expect(readdirSync(elsewhere).filter((name) => name.startsWith("overmind"))).toEqual([]);
  } finally {
    child.kill("SIGKILL");
    rmdirSync(elsewhere);
  }
});

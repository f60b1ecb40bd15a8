/** The hive with a real process host: who lives on when one of them dies, and who is told. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
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
import { processStartTime } from "./process-identity.ts";

let built: Awaited<ReturnType<typeof buildHostOnce>>;
let world: HiveWorld;
beforeAll(async () => {
  built = await buildHostOnce();
});
afterAll(() => built.remove());
beforeEach(() => {
  world = makeHiveWorld(built.script);
});
afterEach(() => world.close());

const LONG = ["sh", "-c", "echo $$; exec sleep 1000"];

async function endTree(hive: LocalHive, sessionId: string): Promise<void> {
  must(await hive.trees.signal(sessionId, undefined, "SIGKILL"));
}

function alive(pid: number): boolean {
  return processStartTime(pid) !== undefined;
}

test("the first hive starts a host, far from whoever started it, and the next one adopts what it has", async () => {
  const first = await world.open();
  const host = world.host();
  expect(first.host()).toMatchObject({ pid: host.pid, hostId: host.hostId, processes: 0, version: "0.0.0" });
  if (process.platform === "linux") {
    const environment = readFileSync(`/proc/${host.pid}/environ`, "utf8");
    expect(environment).toContain("OVERMIND_DAEMON=host");
    expect(environment).not.toContain("VITEST");
  }
  const key = newKey();
  const started = must(await first.processes.start(specOf(key, LONG)));
  expect(started.hostId).toBe(host.hostId);
  await first.close({ endIdleHost: true });
  expect(alive(host.pid)).toBe(true);

  const second = await world.open();
  expect(second.host()).toMatchObject({ pid: host.pid, processes: 1 });
  expect(must(await second.processes.observe(key))).toMatchObject({
    hostId: host.hostId,
    process: { pid: started.process.pid, startTime: started.process.startTime },
  });
  expect(must(await second.processes.start(specOf(key, LONG))).process.pid).toBe(started.process.pid);
  await endTree(second, key.sessionId);
  expect((await exitOf(second, key)).exit).toMatchObject({ code: null, signal: "SIGKILL" });
});

test("an idle host ends with its supervisor when that is asked for, and leaves nothing", async () => {
  const hive = await world.open();
  const { pid } = world.host();
  await hive.close({ endIdleHost: true });
  await until(() => !alive(pid), "the host to end");
  expect(existsSync(world.layout.hostIdentity)).toBe(false);
  expect(existsSync(world.layout.hostEndpoint)).toBe(false);
  const next = await world.open();
  expect(next.host()?.pid).not.toBe(pid);
});

test("an exit is told, and known to the next supervisor until it is acknowledged", async () => {
  const hive = await world.open();
  const key = newKey();
  const told = new Promise((resolve) => hive.onExit(resolve));
  must(await hive.processes.start(specOf(key, ["sh", "-c", "exit 7"])));
  expect(await told).toMatchObject({ key, exit: { code: 7, signal: null } });
  await hive.close({ endIdleHost: true });
  const next = await world.open();
  expect(must(await next.processes.observe(key)).process?.exit).toMatchObject({ code: 7 });
  must(await next.processes.acknowledgeExit(key));
  expect(must(await next.processes.observe(key)).process).toBeUndefined();
  must(await next.processes.acknowledgeExit(key));
});

test("a host that is killed is replaced, and everybody is told; what is left of its sessions is found", async () => {
  const hive = await world.open();
  const { pid, startTime, hostId } = world.host();
  const key = newKey();
  const ignoring = ["sh", "-c", "trap '' HUP; echo ready; while :; do sleep 1000; done"];
  const { process: main } = must(await hive.processes.start(specOf(key, ignoring, "terminal")));
  // Before its trap is set the hang-up would end it.
  await until(async () => {
    const { bytes } = must(await hive.streams.read(key, 0, 4096));
    return Buffer.from(bytes).includes("ready");
  }, "the program to be ready");
  const told = new Promise<string>((resolve) => hive.onHost(resolve));
  process.kill(pid, "SIGKILL");
  const newId = await told;
  expect(newId).not.toBe(hostId);
  expect(world.host()).toMatchObject({ hostId: newId });
  expect(processStartTime(pid)).not.toBe(startTime);
  expect(must(await hive.processes.observe(key))).toEqual({ hostId: newId, process: undefined });
  const left = must(await hive.trees.members(key.sessionId, main));
  expect(left.map((one) => one.pid)).toContain(main.pid);
  must(await hive.trees.signal(key.sessionId, main, "SIGKILL"));
  await until(async () => must(await hive.trees.members(key.sessionId, main)).length === 0, "the tree to end");
  must(await hive.processes.appendGap(key, { bytes: null, reason: "host-lost" }));
});

test("while there is no host, requests say so, and that they may be tried again", async () => {
  const broken = join(world.layout.home, "broken.cjs");
  writeFileSync(broken, "process.exit(3)");
  const hive = await world.open({ script: broken });
  expect(hive.host()).toBeUndefined();
  const expected = {
    ok: false,
    fault: {
      code: "host-unavailable",
      retryable: true,
      message: expect.stringContaining("exited with code 3"),
      hint: expect.stringContaining(world.layout.hostLog),
    },
  };
  expect(await hive.processes.observe(newKey())).toMatchObject(expected);
  expect(await hive.processes.forgetSession("abcdefghijkl")).toMatchObject(expected);
  const told = new Promise((resolve) => hive.onHost(resolve));
  writeFileSync(broken, readFileSync(built.script));
  writeFileSync(broken, `require(${JSON.stringify(built.script)});`);
  await told;
  expect(hive.host()).toBeDefined();
});

test("a host whose socket was deleted is asked to listen anew, and never doubled", async () => {
  const first = await world.open();
  const { pid } = world.host();
  await first.close({ endIdleHost: false });
  rmSync(world.layout.socketFolder, { recursive: true });
  const second = await world.open();
  await until(() => second.host() !== undefined, "the host to be connected");
  expect(second.host()?.pid).toBe(pid);
});

test.each<[string, (world: HiveWorld) => string]>([
  [
    "is dead",
    ({ layout }) =>
      JSON.stringify({ pid: 0x3fffff, startTime: "1", hostId: "x", version: "0", socket: layout.hostEndpoint }),
  ],
  [
    "was given to a stranger",
    ({ layout }) =>
      JSON.stringify({ pid: process.pid, startTime: "1", hostId: "x", version: "0", socket: layout.hostEndpoint }),
  ],
  ["cannot be read", () => "{"],
])("after a reboot the identity is stale: its process %s", async (_, identity) => {
  writeFileSync(world.layout.hostIdentity, identity(world));
  const hive = await world.open();
  expect(hive.host()?.pid).toBe(world.host().pid);
  expect(hive.host()?.pid).not.toBe(process.pid);
});

test("a supervisor that came back from the dead commands nothing, and says so", async () => {
  const first = await world.open();
  const second = await world.open();
  await until(() => world.logged.some((line) => line.includes("does not obey")), "the first to be told");
  expect(await first.processes.observe(newKey())).toMatchObject({
    ok: false,
    fault: { code: "host-unavailable", retryable: false },
  });
  expect(second.host()).toBeDefined();
  const third = await world.open({ epoch: 1 });
  expect(third.host()).toBeUndefined();
  expect(second.host()).toBeDefined();
});

test("the host's limits are set when it is connected", async () => {
  const hive = await world.open();
  await hive.setLimits({ sessionLogBytes: 1 << 20, totalLogBytes: 8 << 20 });
  const key = newKey();
  must(await hive.processes.start(specOf(key, ["sh", "-c", "head -c 3000000 /dev/zero"])));
  await exitOf(hive, key);
  const [extent] = must(await hive.streams.list(key.sessionId));
  expect(extent?.firstOffset).toBeGreaterThan(1_500_000);
});

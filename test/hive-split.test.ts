/** Cortex's side and the hive as two processes, joined by the hive protocol over a socket: what works in one works in two. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { streamChannel } from "../schemas/hive-channel.ts";
import type { CortexToHive, HiveToCortex } from "../schemas/hive-protocol.ts";
import { parseRecords, RecordKind } from "../schemas/segment.ts";
import { linkHive } from "../supervisor/cortex/hive-link.ts";
import type { Hive } from "../supervisor/ports/hive.ts";
import { type ActivityTracker, trackActivity } from "../supervisor/sessions/activity.ts";
import { createLogReaders } from "../supervisor/sessions/log-readers.ts";
import { startWeaver, type Weaver } from "../supervisor/weaver/weaver.ts";
import { createMemoryStore, type MemoryStore } from "./fakes/memory-store.ts";
import { sessionRecord } from "./fakes/session-record.ts";
import { DIST, makeWorld, REPOSITORY, until, type World } from "./harness/world.ts";

const silent = { info() {}, warn() {}, error() {} };
const clock = {
  awakeMs: () => performance.now(),
  now: () => Date.now(),
  after(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs);
    return { dispose: () => clearTimeout(timer) };
  },
};

let world: World;
let hiveProcess: ChildProcess;
let connection: Socket;
let hive: Hive;
let store: MemoryStore;
let weaver: Weaver;
let activity: ActivityTracker;

beforeAll(async () => {
  world = await makeWorld();
  mkdirSync(world.home, { mode: 0o700 });
  const script = join(world.root, "hive-process.cjs");
  await build({
    entryPoints: [join(REPOSITORY, "test/fixtures/hive-process.ts")],
    outfile: script,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    logLevel: "warning",
  });
  const socket = join(world.root, "hive.sock");
  hiveProcess = spawn(process.execPath, [script, world.home, socket, join(DIST, "process-host.cjs")], {
    stdio: ["ignore", "pipe", "inherit"],
    env: world.environment,
  });
  if (hiveProcess.stdout !== null) await once(hiveProcess.stdout, "data");
  connection = createConnection(socket);
  const linked = await linkHive(streamChannel<CortexToHive, HiveToCortex>(connection));
  if (!linked.ok) throw new Error(linked.fault.message);
  hive = linked.value;
  store = createMemoryStore({ hiveId: hive.id });
  activity = trackActivity({ store, hive, clock });
  const limits = () => ({ maxSessions: 64, memoryFloorBytes: 0 });
  weaver = startWeaver({ store, hive, clock, log: silent, activity, logReaders: createLogReaders(), limits });
});

afterAll(async () => {
  weaver.dispose();
  activity.dispose();
  const ended = once(hiveProcess, "exit");
  connection.destroy();
  await ended;
  await world.close();
});

async function run(id: string, script: string): Promise<void> {
  const planned = await hive.workspaces.plan({
    sessionId: id,
    sessionName: id,
    folder: world.project,
    scratch: false,
    withChanges: false,
  });
  if (!planned.ok) throw new Error(planned.fault.message);
  const spec = { argv: ["sh", "-c", script], environment: { PATH: process.env.PATH ?? "" } };
  const { workspace } = planned.value;
  store.createSession(sessionRecord({ id, name: id, hiveId: hive.id, workspace, spec }), "asked for by a test");
}

const phaseOf = (id: string) => store.session(id)?.observed.phase;

test("a whole session: worktree, input, output followed byte by byte, exit code, removal", async () => {
  await run("first", "echo ready; read line; echo got $line; exit 3");
  await until(() => phaseOf("first") === "RUNNING", "it to run");
  const key = { sessionId: "first", process: "main", attempt: 1 };
  let output = "";
  const following = hive.streams.follow(key, 0, 1 << 20, {
    onData(part) {
      for (const record of parseRecords(Buffer.from(part.bytes), part.offset).records) {
        if (record.kind === RecordKind.terminal) output += Buffer.from(record.payload).toString();
      }
    },
    onDropped: () => {},
    onEnd: () => {},
  });
  await until(() => output.includes("ready"), "its first line");
  expect(await hive.processes.input(key, Buffer.from("hello\n"))).toMatchObject({ ok: true });
  await until(() => phaseOf("first") === "CRASHED", "it to end");
  await until(() => output.includes("got hello"), "its answer");
  following.dispose();
  expect(store.session("first")?.observed.exit).toEqual({ code: 3, signal: null });
  const session = store.session("first");
  store.changeSession("first", session?.revision ?? 0, {
    desired: { state: "removed", mode: "stop", graceMs: 0, requestedAtMs: 0, by: "a test", force: false },
  });
  await until(() => store.session("first") === undefined, "it to be removed");
  expect(await world.git("worktree", "list", "--porcelain")).not.toContain("first");
});

test("a message is typed once, and what the session and the machine use is told", async () => {
  await run("talking", "while read line; do echo got $line; done");
  await until(() => phaseOf("talking") === "RUNNING", "it to run");
  const key = { sessionId: "talking", process: "main", attempt: 1 };
  const marker = { id: "message:m1", marker: "message", text: "hello" } as const;
  const steps = [
    { bytes: 5, pauseMs: 20 },
    { bytes: 1, pauseMs: 0 },
  ];
  const deliver = () => hive.processes.deliver(key, { messageId: "m1", marker, steps }, Buffer.from("hello\n"));
  const [first, again] = await Promise.all([deliver(), deliver()]);
  expect(first).toMatchObject({ ok: true, value: { outcome: "delivered" } });
  expect(again).toEqual(first);
  const kinds = async () => {
    const read = await hive.streams.read(key, 0, 1 << 20);
    return read.ok ? parseRecords(Buffer.from(read.value.bytes), 0).records.map(({ kind }) => kind) : [];
  };
  expect((await kinds()).filter((kind) => kind === RecordKind.marker).length).toBeGreaterThan(0);
  const main = store.session("talking")?.observed.main;
  if (main === undefined) throw new Error("it has no main process");
  const usage = await hive.trees.usage([{ sessionId: "talking", main }], { io: true });
  expect(usage).toMatchObject({ ok: true, value: [{ sessionId: "talking", processes: 1 }] });
  expect(await hive.machine.memory()).toMatchObject({ ok: true, value: { freeBytes: expect.any(Number) as number } });
  expect(await hive.machine.loginEnvironment()).toMatchObject({ ok: true });
  expect(await hive.trees.signal("talking", main, "SIGKILL")).toMatchObject({ ok: true });
  await until(() => phaseOf("talking") === "CRASHED", "it to end");
});

test("a stop reaches the whole tree", async () => {
  await run("second", "sleep 1000 & sleep 1000");
  await until(() => phaseOf("second") === "RUNNING", "it to run");
  const main = store.session("second")?.observed.main;
  await until(async () => {
    const members = await hive.trees.members("second", main);
    return members.ok && members.value.length === 3;
  }, "its three processes");
  const session = store.session("second");
  store.changeSession("second", session?.revision ?? 0, {
    desired: { state: "stopped", mode: "stop", graceMs: 5000, requestedAtMs: Date.now(), by: "a test" },
  });
  await until(() => phaseOf("second") === "STOPPED", "it to stop");
  expect(await hive.trees.members("second", main)).toEqual({ ok: true, value: [] });
});

test("what the hive cannot do is a fault with its words, not a broken connection", async () => {
  const planned = await hive.workspaces.plan({
    sessionId: "third",
    sessionName: "third",
    folder: world.root,
    scratch: false,
    withChanges: false,
  });
  expect(planned).toMatchObject({ ok: false, fault: { code: "not-a-repository" } });
  expect(await hive.streams.list("nobody")).toEqual({ ok: true, value: [] });
});

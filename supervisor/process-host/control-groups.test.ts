/** Each process in a control group of its own, where one can be made; where none can, all else is as it was. */
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { CONTROL_GROUP_PIDS, homeControlGroup, sessionLabel } from "../../schemas/control-groups.ts";
import { RecordKind, type StreamKey } from "../../schemas/segment.ts";
import { controlGroupFolder, pidsInGroup, sessionGroups } from "../../test/harness/control-groups.ts";
import {
  buildHost,
  type Controller,
  type HostUnderTest,
  IS_LINUX_ROOT,
  specOf,
  startHost,
  until,
} from "../../test/harness/process-host.ts";

/** Undefined: no group can be made here, and the tests say what holds then. */
const around = controlGroupFolder();
const keyOf = (sessionId: string): StreamKey => ({ sessionId, process: "main", attempt: 1 });
const KEY = keyOf("session");

let folder: string;
let bundle: string;
let host: HostUnderTest;
let controller: Controller;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "om-bundle-"));
  bundle = await buildHost(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  host = await startHost(bundle);
  controller = await host.connect();
});
afterEach(() => host.close());

/** Pids in the groups of a session; of any session when none is named. Undefined: it has none. */
function pidsOf(sessionId?: string): number[] | undefined {
  const groups = around === undefined ? [] : sessionGroups(around, host.home, sessionId);
  return groups.length === 0 ? undefined : groups.flatMap(pidsInGroup);
}
const output = (key: StreamKey) =>
  host
    .records(key)
    .filter(({ kind }) => kind === RecordKind.terminal || kind === RecordKind.stdout)
    .map(({ payload }) => Buffer.from(payload).toString())
    .join("");

test.each(["terminal", "pipes"] as const)("%s: whoever it forks, however soon, is in its group", async (stdio) => {
  for (let index = 0; index < 10; index += 1) {
    const key = keyOf(`${stdio}-${index}`);
    const { pid } = await controller.start(key, ["sh", "-c", "sleep 60 & echo ready; wait"], { stdio });
    await until(() => output(key).includes("ready"), "its child");
    if (around !== undefined) {
      await until(() => pidsOf(key.sessionId)?.includes(host.process.pid ?? 0) === false, "the host to go on");
      expect(pidsOf(key.sessionId)).toHaveLength(2);
      expect(pidsOf(key.sessionId)).toContain(pid);
    }
    await controller.must({ type: "signal", key, signal: "KILL" });
    await controller.exitOf(key);
  }
  expect(host.reports()).toBe("");
});

test("starts that are asked for together are each in a group of their own", async () => {
  const keys = Array.from({ length: 8 }, (_, index) => keyOf(`s${index}`));
  const started = await Promise.all(keys.map((key) => controller.start(key, ["sleep", "60"], { stdio: "pipes" })));
  if (around === undefined) return expect(pidsOf()).toBeUndefined();
  await until(() => pidsOf()?.includes(host.process.pid ?? 0) === false, "the host to go on");
  expect(keys.map(({ sessionId }) => pidsOf(sessionId))).toEqual(started.map(({ pid }) => [pid]));
});

test("a group goes when nobody is in it any more: at the exit, or when whoever was left behind has ended", async () => {
  await controller.start(KEY, ["sh", "-c", "exit 0"], { stdio: "pipes" });
  await controller.exitOf(KEY);
  await until(() => pidsOf() === undefined, "the group to be removed");
  const leaves = keyOf("leaves");
  await controller.start(leaves, ["sh", "-c", "sleep 60 & echo $!"], { stdio: "pipes" });
  await controller.exitOf(leaves);
  const left = Number(output(leaves));
  if (around !== undefined) await until(() => pidsOf()?.join() === String(left), "the one that was left behind alone");
  process.kill(left, "SIGKILL");
  await until(() => around === undefined || pidsOf()?.length === 0, "it to end");
  await controller.must({ type: "acknowledge-exit", key: leaves });
  expect(pidsOf()).toBeUndefined();
});

test("what cannot be started leaves no group", async () => {
  const refused = await controller.ask({ type: "start", spec: specOf(KEY, [script()], { stdio: "pipes" }) });
  expect(refused).toMatchObject({ ok: false });
  await until(() => pidsOf() === undefined, "the group to be removed");
});

test("a host that ends leaves nothing, and one that was killed leaves what the next removes when it is empty", async () => {
  const { pid } = await controller.start(KEY, ["sleep", "60"], { stdio: "pipes" });
  await until(() => around === undefined || pidsOf()?.join() === String(pid), "it to be alone in its group");
  const empty =
    around === undefined ? undefined : join(around, homeControlGroup(host.home), "old", sessionLabel("old"));
  if (empty !== undefined) mkdirSync(join(empty, "..", "made by its program"), { recursive: true });
  if (empty !== undefined) mkdirSync(empty);
  host.process.kill("SIGKILL");
  const next = await startHost(bundle, { home: host.home });
  try {
    const commands = await next.connect(2);
    if (around !== undefined) expect(sessionGroups(around, host.home, "old")).toEqual([]);
    expect(pidsOf()).toEqual(around === undefined ? undefined : [pid]);
    process.kill(pid, "SIGKILL");
    await until(() => around === undefined || pidsOf()?.length === 0, "it to end");
    await commands.must({ type: "forget-session", sessionId: KEY.sessionId });
    expect(pidsOf()).toBeUndefined();
    const ended = once(next.process, "exit");
    await commands.must({ type: "shutdown" });
    await ended;
    expect(around !== undefined && existsSync(join(around, homeControlGroup(host.home)))).toBe(false);
  } finally {
    await next.close();
  }
});

test("a host that is started from within a session leaves that session's group", async () => {
  if (around === undefined) return expect(controlGroupFolder()).toBeUndefined();
  const outer = join(around, homeControlGroup("/another/home"), "place");
  mkdirSync(outer, { recursive: true });
  const enter = `echo $$ > ${join(outer, CONTROL_GROUP_PIDS)}; exec "$@"`;
  const inner = await startHost(bundle, { before: ["sh", "-c", enter, "sh"] });
  try {
    const { pid } = await (await inner.connect()).start(KEY, ["sleep", "60"]);
    expect(pidsInGroup(outer)).toEqual([]);
    expect(sessionGroups(around, inner.home, KEY.sessionId).flatMap(pidsInGroup)).toContain(pid);
  } finally {
    await inner.close();
    for (const group of [outer, dirname(outer)]) rmdirSync(group);
  }
});

const OTHERS = "another user's group: none is made in it, and sessions run as well";
test.skipIf(!IS_LINUX_ROOT)(IS_LINUX_ROOT ? OTHERS : `${OTHERS} (SKIPPED: only root can be another user)`, async () => {
  const nobody = 65534;
  const before = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  chmodSync(folder, 0o755);
  const unprivileged = await startHost(bundle, { before, owner: nobody });
  try {
    const one = await unprivileged.connect();
    for (const stdio of ["terminal", "pipes"] as const) {
      const { pid } = await one.start(keyOf(stdio), ["sleep", "60"], { stdio });
      expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toBe(readFileSync("/proc/self/cgroup", "utf8"));
      await one.must({ type: "signal", key: keyOf(stdio), signal: "TERM" });
      expect((await one.exitOf(keyOf(stdio))).exit).toMatchObject({ signal: "SIGTERM" });
    }
    expect(unprivileged.reports()).toBe("");
  } finally {
    await unprivileged.close();
  }
});

/** A program that is there and can never be run: that it is its own interpreter the system finds out at the fork. */
function script(): string {
  const path = join(host.root, "script");
  writeFileSync(path, `#!${path}\n`, { mode: 0o755 });
  return path;
}

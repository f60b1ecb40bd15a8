/** The life of the host itself: what ends it, and what does not. */
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { HostedProcess } from "../../schemas/host-protocol.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import { buildHost, type HostUnderTest, isAlive, startHost, until } from "../../test/harness/process-host.ts";

const KEY: StreamKey = { sessionId: "session", process: "main", attempt: 1 };

let folder: string;
let bundle: string;
let host: HostUnderTest;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "om-bundle-"));
  bundle = await buildHost(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  host = await startHost(bundle);
});
afterEach(() => host.close());

const hasEnded = () => host.process.exitCode !== null || host.process.signalCode !== null;
const printed = (text: string) =>
  until(() => host.records(KEY).some(({ payload }) => Buffer.from(payload).includes(text)), text);

test("says who and where it is, in a file that is the user's alone", async () => {
  const identity = JSON.parse(readFileSync(host.identity, "utf8")) as Record<string, unknown>;
  const { hello } = await host.connect();
  expect(identity).toEqual({
    pid: host.process.pid,
    startTime: hello?.startTime,
    hostId: hello?.hostId,
    version: "0.0.0",
    socket: host.socket,
  });
  expect(statSync(host.identity).mode & 0o777).toBe(0o600);
});

test("SIGTERM and SIGINT are ignored while a process runs, and end a host without one, which leaves nothing", async () => {
  const controller = await host.connect();
  await controller.start(KEY, ["cat"]);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    host.process.kill(signal);
    await until(() => host.reports().includes(`${signal} is ignored`), signal);
  }
  await controller.must({ type: "close-input", key: KEY });
  await controller.exitOf(KEY);
  host.process.kill("SIGTERM");
  await until(hasEnded, () => `the host to end: ${host.reports()}`);
  expect(host.process.exitCode).toBe(0);
  expect([host.identity, host.socket].filter((path) => existsSync(path))).toEqual([]);
});

test("SIGHUP makes it listen anew when its socket was deleted, and its controller stays", async () => {
  const controller = await host.connect();
  host.process.kill("SIGHUP");
  expect(await controller.must({ type: "list" })).toEqual([]);
  rmSync(host.socket);
  host.process.kill("SIGHUP");
  await until(() => existsSync(host.socket), "the socket");
  expect(statSync(host.socket).mode & 0o777).toBe(0o600);
  expect(await controller.must({ type: "list" })).toEqual([]);
  expect((await host.connect(2)).hello?.hostId).toBe(controller.hello?.hostId);
});

test.each([
  ["deleted", () => rmSync(host.home, { recursive: true })],
  ["moved away, and its log deleted", moveAway],
])("without its home, %s, it ends what it started and itself", async (_, remove) => {
  const controller = await host.connect();
  await controller.start(KEY, [
    "sh",
    "-c",
    "trap '' HUP TERM; sh -c 'trap \"\" HUP TERM; echo $$; while :; do sleep 0.1; done'",
  ]);
  await until(() => host.records(KEY).length > 1, "the pid");
  const child = Number(Buffer.from(host.records(KEY)[1]?.payload ?? []).toString());
  const [main] = await controller.must<HostedProcess[]>({ type: "list" });
  expect([child, main?.pid ?? 0].map(isAlive)).toEqual([true, true]);
  remove();
  await until(hasEnded, () => `the host to end: ${host.reports()}`);
  await until(() => !isAlive(child) && !isAlive(main?.pid ?? 0), "what it started to end");
  expect(existsSync(host.home)).toBe(false);
});

test("a second host for the same socket ends, and the first goes on", async () => {
  await expect(startHost(bundle, { home: host.home })).rejects.toThrow(/another process host answers/);
  expect((await host.connect()).hello?.pid).toBe(host.process.pid);
});

test("a stale socket of a host that was killed is taken over", async () => {
  host.process.kill("SIGKILL");
  await once(host.process, "exit");
  expect(existsSync(host.socket)).toBe(true);
  const next = await startHost(bundle, { home: host.home });
  expect((await next.connect()).hello?.pid).toBe(next.process.pid);
  await next.close();
});

test("the folder of its version may be deleted under it: it goes on starting processes", async () => {
  const copy = mkdtempSync(join(tmpdir(), "om-version-"));
  const own = await startHost(await buildHost(copy));
  try {
    rmSync(copy, { recursive: true });
    const controller = await own.connect();
    for (const stdio of ["terminal", "pipes"] as const) {
      const key = { ...KEY, sessionId: stdio };
      await controller.start(key, ["sh", "-c", "exit 4"], { stdio });
      expect((await controller.exitOf(key)).exit).toMatchObject({ code: 4 });
      await controller.must({ type: "acknowledge-exit", key });
    }
    await controller.must({ type: "shutdown" });
    await until(() => own.process.exitCode === 0, "the host to end");
  } finally {
    await own.close();
  }
});

test("when the log folder alone is deleted it is made again", async () => {
  const controller = await host.connect();
  rmSync(host.logs, { recursive: true });
  await controller.start(KEY, ["echo", "hello"]);
  await printed("hello");
  expect(hasEnded()).toBe(false);
});

function moveAway(): void {
  renameSync(host.home, join(host.root, "elsewhere"));
  rmSync(join(host.root, "elsewhere", "logs"), { recursive: true });
}

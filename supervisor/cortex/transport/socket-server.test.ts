import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WireClient } from "../../../test/harness/wire-client.ts";
import { listenOn, type SocketServer } from "./socket-server.ts";

let folder: string;
let endpoint: string;
let server: SocketServer | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "om-socket-"));
  endpoint = join(folder, "run", "main.sock");
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

const silent = { info() {}, warn() {}, error() {} };
const listen = () => listenOn(endpoint, (socket) => socket.end("hi"), silent);
const modeOf = (path: string) => statSync(path).mode & 0o777;

async function answered(): Promise<boolean> {
  const client = await WireClient.connect(endpoint);
  await client.closed;
  return client.socket.bytesRead === 2;
}

test("the socket is this user's alone, and is gone after close", async () => {
  server = await listen();
  expect(modeOf(endpoint)).toBe(0o600);
  expect(modeOf(join(folder, "run"))).toBe(0o700);
  expect(await answered()).toBe(true);
  await server.close();
  expect(existsSync(endpoint)).toBe(false);
});

test("a folder that others may enter is closed to them", async () => {
  mkdirSync(join(folder, "run"));
  chmodSync(join(folder, "run"), 0o777);
  server = await listen();
  expect(modeOf(join(folder, "run"))).toBe(0o700);
});

test("the socket of a supervisor that was killed is replaced", async () => {
  mkdirSync(join(folder, "run"));
  const script = `require("net").createServer().listen(${JSON.stringify(endpoint)}, () => process.kill(process.pid, "SIGKILL"))`;
  expect(spawnSync(process.execPath, ["-e", script]).signal).toBe("SIGKILL");
  expect(existsSync(endpoint)).toBe(true);
  server = await listen();
  expect(await answered()).toBe(true);
});

test("a file that is no socket is left alone, and named", async () => {
  mkdirSync(join(folder, "run"));
  writeFileSync(endpoint, "somebody's");
  await expect(listen()).rejects.toMatchObject({
    fault: { code: "conflict", message: expect.stringContaining(endpoint) },
  });
  expect(existsSync(endpoint)).toBe(true);
});

test("a folder that is a link to another is refused", async () => {
  mkdirSync(join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), join(folder, "run"));
  await expect(listen()).rejects.toMatchObject({ fault: { code: "not-permitted" } });
});

test.skipIf(process.getuid?.() !== 0)("a folder of another user is refused (needs root to make one)", async () => {
  const { chownSync } = await import("node:fs");
  mkdirSync(join(folder, "run"), { mode: 0o700 });
  chownSync(join(folder, "run"), 12_345, 12_345);
  await expect(listen()).rejects.toMatchObject({
    fault: { code: "not-permitted", message: expect.stringContaining("another user") },
  });
});

test("a path that is too long for a socket is a fault with a hint", async () => {
  endpoint = join(folder, "x".repeat(200), "main.sock");
  await expect(listen()).rejects.toMatchObject({ fault: { code: "failed", hint: expect.stringContaining("shorter") } });
});

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { homeLayout } from "../schemas/home.ts";
import { environmentFor, makeStubProgram } from "../test/harness/stub-program.ts";
import { encodeMessage, MessageReader } from "./client/framing.ts";
import { hasEndedWithin, readSupervisorProcess, startTimeOf } from "./client/process-identity.ts";

let root: string;
let program: string;
let home: string;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "om-stdio-")));
  program = join(root, "program");
  await makeStubProgram(program);
});
beforeEach(() => {
  home = mkdtempSync(join(root, "h"));
});
afterEach(async () => {
  const running = ruling();
  if (running === undefined || startTimeOf(running.pid) !== running.startTime) return;
  process.kill(running.pid, "SIGKILL");
  await hasEndedWithin(running.pid, running.startTime, 5000);
});
afterAll(() => rmSync(root, { recursive: true }));

const ruling = () => readSupervisorProcess(homeLayout(home, { platform: process.platform, userId: 0 }));

type Started = ChildProcessByStdio<Writable, Readable, Readable>;

function start(argv: readonly string[], changes: NodeJS.ProcessEnv = {}): Started {
  const env = { ...environmentFor(home), ...changes };
  return spawn(process.execPath, [join(program, "overmind-supervisor.cjs"), ...argv], { env, stdio: "pipe" });
}

async function ended(child: Started): Promise<{ readonly code: number | null; readonly stderr: string }> {
  let stderr = "";
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stderr };
}

async function firstReply(child: Started): Promise<unknown> {
  const reader = new MessageReader();
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    reader.push(chunk as Buffer);
    const told = reader.next();
    if (told !== undefined) return "json" in told ? told.json : undefined;
  }
  return undefined;
}

const HELLO = encodeMessage({ jsonrpc: "2.0", id: 1, method: "hello", params: { protocol: 1, oldest: 1 } });

test("--stdio starts the supervisor, carries bytes, ends with its input, and leaves the supervisor running", async () => {
  const child = start(["--stdio"]);
  const over = ended(child);
  child.stdin.write(HELLO);
  expect(await firstReply(child)).toMatchObject({ id: 1, result: { supervisor: { pid: ruling()?.pid } } });
  child.stdin.end();
  expect(await over).toEqual({ code: 0, stderr: "" });
  expect(startTimeOf(ruling()?.pid ?? 0)).toBe(ruling()?.startTime);
});

test("--stdio ends when the supervisor does", async () => {
  const child = start(["--stdio"]);
  const over = ended(child);
  child.stdin.write(HELLO);
  await firstReply(child);
  process.kill(ruling()?.pid ?? 0, "SIGKILL");
  expect((await over).code).toBe(0);
});

test("--stdio that cannot start one says why in one line", async () => {
  const fault = { code: "store-unavailable", message: "the store is corrupt", retryable: false, hint: "restore it" };
  writeFileSync(join(home, "stub.json"), JSON.stringify({ fault }));
  const over = await ended(start(["--stdio"]));
  expect(over).toEqual({ code: 1, stderr: "overmind-supervisor: the store is corrupt (restore it)\n" });
});

test("32 MiB pass both ways unchanged, whoever is slow, and the half that is closed first waits for the other", async () => {
  const endpoint = join(home, "echo.sock");
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await new Promise<void>((listening) => server.listen(endpoint, listening));
  const child = start(["--stdio"], { OVERMIND_HOME: "", OVERMIND_ENDPOINT: endpoint, OVERMIND_TOKEN: "t" });
  const over = ended(child);
  const bytes = randomBytes(32 << 20);
  child.stdin.end(bytes);
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of child.stdout) {
    hash.update(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await over).toEqual({ code: 0, stderr: "" });
  expect(length).toBe(bytes.length);
  expect(hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
  await new Promise((closed) => server.close(closed));
});

test("run is a supervisor in the foreground, cleaned as one that a client starts, and from its copy", async () => {
  const environmentFile = join(root, "seen.json");
  writeFileSync(join(home, "stub.json"), JSON.stringify({ environmentFile }));
  const child = start(["run"], { GIT_DIR: "/repo/.git" });
  const over = ended(child);
  await expect.poll(() => ruling()?.pid, { timeout: 5000 }).toBe(child.pid);
  const { cwd, environment } = JSON.parse(readFileSync(environmentFile, "utf8"));
  expect(cwd).toBe("/");
  expect(environment).toMatchObject({ OVERMIND_HOME: home, OVERMIND_DAEMON: "supervisor" });
  expect(environment).not.toHaveProperty("GIT_DIR");
  expect(readdirSync(join(home, "versions"))).toEqual([`0.1.0-b1-${process.versions.modules}`]);
  child.kill("SIGTERM");
  expect((await over).code).toBe(0);
});

test("--version, --help, and what is neither", async () => {
  const version = start(["--version"]);
  expect(String(await version.stdout.toArray())).toBe("overmind-supervisor 0.1.0 (b1)\n");
  expect(String(await start(["--help"]).stdout.toArray())).toContain("overmind-supervisor run");
  const over = await ended(start(["--stdoi"]));
  expect(over.code).toBe(2);
  expect(over.stderr.trimEnd().split("\n")).toHaveLength(1);
});

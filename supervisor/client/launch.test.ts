import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type HomeLayout, homeLayout } from "../../schemas/home.ts";
import { processesNaming } from "../../test/harness/world.ts";
import { ensureSupervisor, findSupervisor, type LaunchOptions, restartSupervisor, stopSupervisor } from "./launch.ts";
import { hasEndedWithin, readSupervisorProcess, startTimeOf } from "./process-identity.ts";
import { reconnect } from "./reconnect.ts";

const STUB = resolve(import.meta.dirname, "../../test/fixtures/stub-supervisor.cjs");

let root: string;
let layout: HomeLayout;
let options: LaunchOptions;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "om-launch-")));
  layout = homeLayout(join(root, "home"), { platform: process.platform, userId: process.getuid?.() ?? 0 });
  options = {
    layout,
    clientName: "test",
    program: { folder: makeProgram("program"), version: "0.1.0", buildId: "b1" },
    environment: {
      ...process.env,
      OVERMIND_HOME: "/elsewhere",
      GIT_DIR: "/repo/.git",
      TERM: "x",
      LC_ALL: "C",
      NODE_OPTIONS: "",
    },
  };
});

afterEach(async () => {
  // The one that rules, and those that found another one ruling and are just ending.
  await expect.poll(killAll, { timeout: 5000 }).toBe(0);
  rmSync(root, { recursive: true });
});

function killAll(): number {
  const left = processesNaming(root);
  for (const { pid } of left) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended in the meantime.
    }
  }
  return left.length;
}

/** A program whose supervisor is the stub. */
function makeProgram(name: string): string {
  const folder = join(root, name);
  mkdirSync(join(folder, "native"), { recursive: true });
  writeFileSync(join(folder, "overmind-supervisor.cjs"), `require(${JSON.stringify(STUB)});\n`);
  writeFileSync(join(folder, "overmind.cjs"), "console.log('ours', ...process.argv.slice(2));\n");
  writeFileSync(join(folder, "build-id"), "b1\n");
  writeFileSync(join(folder, "native", "pty.node"), "no real one");
  return folder;
}

function wish(wishes: Record<string, unknown>): void {
  mkdirSync(layout.home, { recursive: true, mode: 0o700 });
  writeFileSync(join(layout.home, "stub.json"), JSON.stringify(wishes));
}

const ensure = async (changes: Partial<LaunchOptions> = {}) => {
  const connection = await ensureSupervisor({ ...options, ...changes });
  connection.close();
  return connection.supervisor.pid;
};
/** One that no client of ours started. */
async function startStub(): Promise<number> {
  mkdirSync(layout.socketFolder, { recursive: true, mode: 0o700 });
  const child = spawn(process.execPath, [STUB, "run", "--home", layout.home], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await expect.poll(() => readSupervisorProcess(layout)?.pid, { timeout: 5000 }).toBe(child.pid);
  return child.pid ?? 0;
}

const rulingPid = () => readSupervisorProcess(layout)?.pid ?? 0;
async function kill(pid: number): Promise<void> {
  const startTime = startTimeOf(pid) ?? "";
  process.kill(pid, "SIGKILL");
  expect(await hasEndedWithin(pid, startTime, 5000)).toBe(true);
}

describe("starting", () => {
  test("it is started from a copy, in a session of its own, in /, with a clean environment, once", async () => {
    const environmentFile = join(root, "seen.json");
    wish({ environmentFile });
    const pid = await ensure();
    rmSync(options.program.folder, { recursive: true });
    expect(await ensure()).toBe(pid);
    const { cwd, environment } = JSON.parse(readFileSync(environmentFile, "utf8"));
    expect(cwd).toBe("/");
    expect(environment).toMatchObject({ OVERMIND_HOME: layout.home, OVERMIND_DAEMON: "supervisor", LC_ALL: "C" });
    expect(environment).not.toHaveProperty("GIT_DIR");
    expect(environment).not.toHaveProperty("TERM");
    expect(environment).not.toHaveProperty("NODE_OPTIONS");
    if (process.platform === "linux") {
      const [, , , sessionLeader] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      expect(sessionLeader).toBe(String(pid));
    }
    for (const folder of [layout.home, layout.socketFolder]) expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(layout.supervisorLog).mode & 0o777).toBe(0o600);
  });

  test("ten that start it at once get the same one", async () => {
    wish({ startDelayMs: 200 });
    const pids = await Promise.all(Array.from({ length: 10 }, () => ensure()));
    expect(new Set(pids)).toEqual(new Set([rulingPid()]));
    expect(readdirSync(layout.versions)).toHaveLength(1);
  });

  test("after a SIGKILL, which leaves the socket behind, the next one is started", async () => {
    const first = await ensure();
    await kill(first);
    expect(existsSync(layout.mainEndpoint)).toBe(true);
    expect(await ensure()).not.toBe(first);
  });

  test("why it could not start is told in its own words; a crash without words names the log", async () => {
    const fault = { code: "store-unavailable", message: "the store is corrupt", retryable: false, hint: "restore it" };
    wish({ fault });
    await expect(ensure()).rejects.toMatchObject({ fault });
    rmSync(layout.startFault);
    wish({ crash: true });
    await expect(ensure()).rejects.toMatchObject({
      fault: { code: "unreachable", hint: expect.stringContaining(layout.supervisorLog) },
    });
    wish({});
    expect(await ensure()).toBe(rulingPid());
  });

  test("a socket folder that others may enter is refused", async () => {
    mkdirSync(layout.socketFolder, { recursive: true });
    chmodSync(layout.socketFolder, 0o755);
    await expect(ensure()).rejects.toMatchObject({
      fault: { code: "not-permitted", message: expect.stringContaining("755") },
    });
  });
});

describe("versions", () => {
  test("a supervisor of another version whose protocol fits is served", async () => {
    wish({ version: "9.0.0" });
    const pid = await ensure();
    wish({});
    expect(await ensure()).toBe(pid);
  });

  test.each([
    ["by the protocol that it names", { protocol: 0, version: "0.1.0" }],
    ["by its version where it names none", { protocol: 0, version: "0.0.9", isVague: true }],
  ])("one that is too old for us, %s, is replaced", async (_, wishes) => {
    wish(wishes);
    const old = await startStub();
    wish({});
    const pid = await ensure();
    expect(pid).not.toBe(old);
    expect(startTimeOf(old)).toBeUndefined();
  });

  test.each([
    ["by the protocol that it names", { protocol: 2, version: "0.1.0" }],
    ["by its version where it names none", { protocol: 2, version: "0.1.1", isVague: true }],
  ])("one that is too new for us, %s, stays, and we say so", async (_, wishes) => {
    wish(wishes);
    const running = await startStub();
    await expect(ensure()).rejects.toMatchObject({ fault: { code: "incompatible-version" } });
    expect(startTimeOf(running)).toBe(readSupervisorProcess(layout)?.startTime);
  });
});

describe("stopping and restarting", () => {
  test("stop returns when it is gone, and does nothing when none runs", async () => {
    expect(await stopSupervisor(options, { sessions: false })).toBeUndefined();
    const pid = await ensure();
    expect(await stopSupervisor(options, { sessions: false })).toEqual({ stopping: [] });
    expect(startTimeOf(pid)).toBeUndefined();
    expect(await findSupervisor(options)).toBeUndefined();
  });

  test("restart starts our own", async () => {
    const pid = await ensure();
    const program = { folder: makeProgram("next"), version: "0.2.0", buildId: "b1" };
    const connection = await restartSupervisor({ ...options, program });
    connection.close();
    expect(connection.supervisor.pid).not.toBe(pid);
    const { pid: ruling } = connection.supervisor;
    if (process.platform === "linux") expect(readFileSync(`/proc/${ruling}/cmdline`, "utf8")).toContain("0.2.0-b1-");
  });
});

describe("reconnecting", () => {
  const again = () =>
    reconnect({ kind: "home", layout }, { clientName: "test", start: async () => ensureSupervisor(options) });

  test("a killed supervisor is started again", async () => {
    const first = await ensure();
    await kill(first);
    const connection = await again();
    connection.close();
    expect(connection.supervisor.pid).not.toBe(first);
  });

  test("one that was stopped is waited for, not started", async () => {
    await ensure();
    await stopSupervisor(options, { sessions: false });
    let started = 0;
    const waiting = reconnect(
      { kind: "home", layout },
      {
        clientName: "test",
        start: async () => {
          started += 1;
          return ensureSupervisor(options);
        },
      },
    );
    const pid = await ensure();
    const connection = await waiting;
    connection.close();
    expect(connection.supervisor.pid).toBe(pid);
    expect(started).toBe(0);
  });

  test("without its home it gives up", async () => {
    await expect(again()).rejects.toMatchObject({ fault: { code: "unreachable" } });
  });
});

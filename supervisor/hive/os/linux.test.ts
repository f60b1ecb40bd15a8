import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { linux, parseAuxiliaryVector, parseEnvironment, parseIo, parseStat } from "./linux.ts";

const UNITS = { pageBytes: 4096, ticksPerSecond: 100, bootId: "" };
const IS_LINUX = process.platform === "linux";

/** Recorded from a kernel 6.1: a shell in a terminal. */
const BASH =
  "4242 (bash) S 4241 4242 4242 34816 4300 4194304 1523 20311 0 4 12 7 31 9 20 0 1 0 8812345 7487488 1101 18446744073709551615 94311 94312 140731 0 0 0 65536 3686404 1266761467 1 0 0 17 1 0 0 0 0 0 94313 94314 94315 140732 140733 140734 140735 0\n";

test("a line of /proc/PID/stat", () => {
  expect(parseStat(BASH, UNITS)).toEqual({
    pid: 4242,
    parentPid: 4241,
    groupId: 4242,
    sessionLeader: 4242,
    startTime: "8812345",
    startOrder: 8812345,
    isZombie: false,
    cpuSeconds: 0.19,
    memoryBytes: 1101 * 4096,
  });
});

test.each(["(a) b) (c", "tmux: server", ") R 1 1 1", "with\nline feed", ""])(
  "a command named %j does not shift the fields",
  (name) => {
    expect(parseStat(BASH.replace("(bash)", `(${name})`), UNITS)).toEqual(parseStat(BASH, UNITS));
  },
);

test("ticks count from a boot: the same ones after a reboot are another process", () => {
  const first = parseStat(BASH, { ...UNITS, bootId: "0f3c2d1e-aaaa-4bbb-8ccc-000000000001\n" });
  const second = parseStat(BASH, { ...UNITS, bootId: "9a8b7c6d-aaaa-4bbb-8ccc-000000000002\n" });
  expect(first).toMatchObject({ startTime: "8812345@0f3c2d1e", startOrder: 8812345 });
  expect(second?.startTime).not.toBe(first?.startTime);
});

test("a zombie is known as one", () => {
  const zombie =
    "77 (node) Z 1 70 70 0 -1 4227084 0 0 0 0 5 2 0 0 20 0 1 0 900 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 9\n";
  expect(parseStat(zombie, UNITS)).toMatchObject({ isZombie: true, memoryBytes: 0 });
});

test.each(["", "12", "12 (half", "12 (cut) S 1 2 3", "x (y) S 1 1 1"])("no such line: %j", (text) => {
  expect(parseStat(text, UNITS)).toBeUndefined();
});

test("what an environment says of us", () => {
  const block = (...variables: string[]) => Buffer.from(variables.map((one) => `${one}\0`).join(""));
  expect(parseEnvironment(block("PATH=/bin", "OVERMIND_SESSION_ID=abc"))).toEqual({
    sessionId: "abc",
    isDaemon: false,
  });
  expect(parseEnvironment(block("OVERMIND_DAEMON=host", "A=b"))).toEqual({ isDaemon: true });
  expect(parseEnvironment(block("MY_OVERMIND_SESSION_ID=abc", "NOTE=OVERMIND_DAEMON=1"))).toEqual({ isDaemon: false });
  expect(parseEnvironment(block("X_OVERMIND_SESSION_ID=no", "OVERMIND_SESSION_ID=yes"))).toMatchObject({
    sessionId: "yes",
  });
  expect(parseEnvironment(Buffer.from("OVERMIND_SESSION_ID=cut"))).toMatchObject({ sessionId: "cut" });
  expect(parseEnvironment(Buffer.alloc(0))).toEqual({ isDaemon: false });
});

test("/proc/PID/io: what went to and from disks, not what was merely asked for", () => {
  const text =
    "rchar: 3156684\nwchar: 3145822\nsyscr: 21\nsyscw: 6\nread_bytes: 94208\nwrite_bytes: 3153920\ncancelled_write_bytes: 4096\n";
  expect(parseIo(text)).toEqual({ readBytes: 94208, writtenBytes: 3153920 });
  expect(parseIo("")).toBeUndefined();
});

test("the kernel's units", () => {
  const vector = Buffer.alloc(48);
  for (const [at, word] of [6n, 16384n, 17n, 100n, 0n, 0n].entries()) vector.writeBigUInt64LE(word, at * 8);
  expect(parseAuxiliaryVector(vector, 8)).toEqual({ pageBytes: 16384, ticksPerSecond: 100 });
  expect(parseAuxiliaryVector(Buffer.alloc(0), 8)).toEqual({ pageBytes: 4096, ticksPerSecond: 100 });
});

test("this very process, as the system shows it", async (context) => {
  context.skip(!IS_LINUX, "there is no /proc");
  const child = spawn("sleep", ["100"], {
    env: { PATH: process.env.PATH, OVERMIND_SESSION_ID: "abc" },
    stdio: "ignore",
  });
  try {
    await new Promise((spawned) => child.once("spawn", spawned));
    const table = await linux.readTable();
    if (!table.ok) throw new Error(table.fault.message);
    const me = table.value.entries.get(process.pid);
    const its = table.value.entries.get(child.pid ?? 0);
    if (me === undefined || its === undefined) throw new Error("not in the table");
    expect(me.startTime).toBe(linux.startTime(process.pid));
    expect(me.memoryBytes).toBeGreaterThan(10 << 20);
    expect(me.memoryBytes).toBeLessThan(process.memoryUsage.rss() * 2);
    expect(its.parentPid).toBe(process.pid);
    expect(its.startOrder).toBeGreaterThanOrEqual(me.startOrder);
    expect(table.value.isOurs(its)).toBe(true);
    expect(table.value.command(its)).toBe("sleep 100");
    expect(table.value.mark(its)).toEqual({ sessionId: "abc", isDaemon: false });
  } finally {
    child.kill("SIGKILL");
    await new Promise((exited) => child.once("exit", exited));
  }
  expect(linux.startTime(child.pid ?? 0)).toBeUndefined();
});

/** The host as its controller sees it: a real one, over its socket. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { HostedProcess, HostStarted } from "../../schemas/host-protocol.ts";
import {
  type GapPayload,
  RecordKind,
  type StreamKey,
  type StreamRecord,
  segmentFileName,
} from "../../schemas/segment.ts";
import {
  buildHost,
  type Controller,
  type HostUnderTest,
  IS_LINUX_ROOT,
  isAlive,
  specOf,
  startHost,
  until,
  withSmallDisk,
} from "../../test/harness/process-host.ts";
import { payloadsOnDisk, recordsOnDisk } from "../../test/harness/segments.ts";

const KEY: StreamKey = { sessionId: "session", process: "main", attempt: 1 };
const OUTPUT: ReadonlySet<number> = new Set([RecordKind.terminal, RecordKind.stdout, RecordKind.stderr]);

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

const keyOf = (sessionId: string, attempt = 1): StreamKey => ({ sessionId, process: "main", attempt });
const textOf = (records: readonly StreamRecord[], kinds = OUTPUT) =>
  Buffer.concat(records.filter(({ kind }) => kinds.has(kind)).map(({ payload }) => payload)).toString();
const kindsOf = (records: readonly StreamRecord[]) => records.map(({ kind }) => kind);
const printed = (text: string, key = KEY) =>
  until(() => textOf(host.records(key)).includes(text), `${text} in the log`);
const shell = (script: string, more = {}, key = KEY) => controller.start(key, ["sh", "-c", script], more);

async function exitOfShell(script: string, more = {}): Promise<HostedProcess["exit"]> {
  await shell(script, more);
  return (await controller.exitOf(KEY)).exit;
}

for (const stdio of ["terminal", "pipes"] as const) {
  test(`${stdio}: an exit code is told, and stands behind all output`, async () => {
    const exit = await exitOfShell("echo out; echo err >&2; exit 7", { stdio });
    expect(exit).toMatchObject({ code: 7, signal: null });
    const records = host.records(KEY);
    expect(textOf(records)).toMatch(stdio === "terminal" ? /^out\r\nerr\r\n$/ : /^(out\nerr\n|err\nout\n)$/);
    expect(kindsOf(records).at(-1)).toBe(RecordKind.exit);
    expect(payloadsOnDisk(records, RecordKind.exit)).toEqual([{ code: 7, signal: null }]);
    expect(controller.hello?.hostId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test(`${stdio}: a signal goes to the main process, and is told as its end`, async () => {
    await shell("echo ready; exec sleep 60", { stdio });
    await printed("ready");
    await controller.must({ type: "signal", key: KEY, signal: "SIGUSR1" });
    expect((await controller.exitOf(KEY)).exit).toMatchObject({ code: null, signal: "SIGUSR1" });
    expect(await controller.ask({ type: "signal", key: KEY, signal: "TERM" })).toMatchObject({
      fault: { code: "conflict" },
    });
  });

  test(`${stdio}: leads a session of its own, in its folder, with its environment and no file of the host`, async () => {
    const other = keyOf("other");
    await shell("sleep 60", {}, other);
    await shell("pwd; echo $NAME; echo pid $$; cut -d' ' -f5,6 /proc/$$/stat; ls -l /proc/$$/fd; echo end", {
      stdio,
      cwd: host.home,
      environment: { PATH: process.env.PATH, NAME: "a value" },
    });
    await printed("end");
    const lines = textOf(host.records(KEY)).split(/\r?\n/);
    const { pid } =
      (await controller.must<HostedProcess[]>({ type: "list" })).find((one) => one.key.sessionId === "session") ?? {};
    expect(lines.slice(0, 4)).toEqual([host.home, "a value", `pid ${pid}`, `${pid} ${pid}`]);
    expect(lines.join("\n")).not.toMatch(/host\.sock|\.seg/);
  });

  test(`${stdio}: input arrives, and an end of input ends a reader`, async () => {
    await shell("cat", { stdio });
    await controller.must({ type: "input", key: KEY }, Buffer.from("a line\n"));
    await printed("a line");
    await controller.must({ type: "close-input", key: KEY });
    expect((await controller.exitOf(KEY)).exit).toMatchObject({ code: 0 });
    const stdin = textOf(host.records(KEY), new Set([RecordKind.stdin]));
    expect(stdin).toBe(stdio === "pipes" ? "a line\n" : "");
    expect(await controller.ask({ type: "input", key: KEY }, Buffer.from("x"))).toMatchObject({
      fault: { code: "conflict" },
    });
  });

  test(`${stdio}: input that nobody reads is refused when it is too much, and the host goes on`, async () => {
    await shell("stty raw -echo 2>/dev/null; echo ready; exec sleep 60", { stdio });
    await printed("ready");
    const megabyte = Buffer.alloc(1 << 20, 97);
    await controller.must({ type: "input", key: KEY }, megabyte.subarray(0, 900_000));
    expect(await controller.ask({ type: "input", key: KEY }, megabyte)).toMatchObject({
      fault: { code: "busy", retryable: true },
    });
    await shell("echo lives", {}, keyOf("another"));
    await printed("lives", keyOf("another"));
  });

  test(`${stdio}: much input is read whole and in order by a slow reader`, async () => {
    const sent = Buffer.from(Array.from({ length: 60_000 }, (_, index) => `${index}\n`).join(""));
    await shell(`stty raw -echo 2>/dev/null; echo ready; sleep 0.1; head -c ${sent.length} | cksum`, { stdio });
    await printed("ready");
    await controller.must({ type: "input", key: KEY }, sent);
    await controller.exitOf(KEY);
    const sum = execFileSync("cksum", { input: sent, encoding: "utf8" }).trim();
    expect(textOf(host.records(KEY))).toContain(sum);
  });

  test(`${stdio}: what a process left behind writes is recorded behind the exit`, async () => {
    const exit = await exitOfShell("trap '' HUP; (read x < gate; echo late) & echo early; exit 3", {
      stdio,
      cwd: fifo("gate"),
    });
    expect(exit).toMatchObject({ code: 3 });
    await controller.must({ type: "acknowledge-exit", key: KEY });
    writeFileSync(join(host.root, "gate"), "\n");
    await printed("late");
    expect(textOf(host.records(KEY)).replaceAll("\r", "")).toBe("early\nlate\n");
    const kinds = kindsOf(host.records(KEY)).filter((kind) => kind !== RecordKind.resize);
    expect(kinds.indexOf(RecordKind.exit)).toBe(1);
    const again = await controller.ask({ type: "start", spec: specOf(KEY, ["true"]) });
    expect(again).toMatchObject({ fault: { code: "conflict" } });
  });

  test(`${stdio}: 3 MB at once and an exit: nothing is missing`, async () => {
    const total = 3_000_000;
    await exitOfShell(`stty raw 2>/dev/null; head -c ${total} /dev/zero | tr '\\0' x; exit 1`, { stdio });
    const records = host.records(KEY);
    expect(textOf(records)).toHaveLength(total);
    expect(records.map(({ sequence }) => sequence)).toEqual([...records.keys()]);
  });

  test(`${stdio}: half a character stays half`, async () => {
    await shell("stty -echo 2>/dev/null; printf 'a\\342\\202'; read x; printf '\\254'", { stdio });
    await until(() => textOf(host.records(KEY)).length > 0, "output");
    await controller.must({ type: "input", key: KEY }, Buffer.from("\n"));
    await controller.exitOf(KEY);
    const payloads = host
      .records(KEY)
      .filter(({ kind }) => OUTPUT.has(kind))
      .map(({ payload }) => Buffer.from(payload));
    expect(payloads[0]).toEqual(Buffer.from([0x61, 0xe2, 0x82]));
    expect(Buffer.concat(payloads).toString()).toBe("a€");
  });
}

test("a program that closes its terminal is not hung up", async () => {
  const exit = await exitOfShell("exec <&- >&- 2>&-; sleep 0.3; exit 9");
  expect(exit).toMatchObject({ code: 9, signal: null });
});

test("a terminal has the size that it was given, and a resize is told to the program and to the log", async () => {
  await shell("trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.02; done", {
    size: { columns: 101, rows: 33 },
  });
  await printed("33 101");
  await controller.must({ type: "resize", key: KEY, size: { columns: 90, rows: 20 } });
  await printed("20 90");
  expect(payloadsOnDisk(host.records(KEY), RecordKind.resize)).toEqual([
    { columns: 101, rows: 33 },
    { columns: 90, rows: 20 },
  ]);
  await shell("sleep 60", { stdio: "pipes" }, keyOf("piped"));
  const refused = await controller.ask({ type: "resize", key: keyOf("piped"), size: { columns: 90, rows: 20 } });
  expect(refused).toMatchObject({ fault: { code: "conflict" } });
});

test("a session inherits no other session's terminal, however the fds lie", async () => {
  for (let index = 0; index < 12; index += 1) await shell("exec cat", {}, keyOf(`s${index}`));
  for (const index of [2, 3, 5, 8]) {
    await controller.must({ type: "signal", key: keyOf(`s${index}`), signal: "KILL" });
    await controller.exitOf(keyOf(`s${index}`));
    await controller.must({ type: "forget-session", sessionId: `s${index}` });
  }
  for (const stdio of ["terminal", "pipes"] as const) {
    const key = keyOf(`looks-${stdio}`);
    await shell("ls -l /proc/$$/fd; echo end", { stdio }, key);
    await printed("end", key);
    expect(textOf(host.records(key))).not.toMatch(/ptmx/);
  }
});

const missing = (path: string) => join(host.root, path);
test.each<[string, () => Parameters<typeof specOf>, string, RegExp]>([
  ["no such program", () => [KEY, ["no-such-program"]], "program-not-found", /no-such-program.*PATH/],
  [
    "no such path",
    () => [KEY, ["./no-such-program"], { cwd: host.home }],
    "program-not-found",
    /home\/no-such-program/,
  ],
  ["no such folder", () => [KEY, ["true"], { cwd: missing("nowhere") }], "folder-not-found", /nowhere/],
  ["a file as folder", () => [KEY, ["true"], { cwd: host.identity }], "folder-not-found", /is not a folder/],
  ["a file that may not be executed", () => [KEY, [host.identity]], "program-not-executable", /process-host\.json/],
  ["a folder as program", () => [KEY, [host.home]], "program-not-executable", /is a folder/],
  [
    "a script without its interpreter",
    () => [KEY, [script("#!/no/such/interpreter")]],
    "program-not-executable",
    /\/no\/such/,
  ],
  ["arguments that are too long", () => [KEY, ["true", "x".repeat(200_000)]], "invalid-params", /too long/],
  ["a NUL in an argument", () => [KEY, ["true", "a\0b"]], "invalid-params", /spec/],
])("cannot be started: %s", async (_, spec, code, message) => {
  for (const stdio of ["terminal", "pipes"] as const) {
    const [key, argv, more = {}] = spec();
    const result = await controller.ask({ type: "start", spec: specOf(key, argv, { ...more, stdio }) });
    expect(result).toMatchObject({ ok: false, fault: { code, message: expect.stringMatching(message) as string } });
  }
  expect(existsSync(join(host.logs, KEY.sessionId, "main@1")), "nothing is left of a start that was none").toBe(false);
});

test("too many open files: a start is refused with words, and what runs goes on", async () => {
  const limited = await startHost(bundle, { before: ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"] });
  try {
    const few = await limited.connect();
    let refused: unknown;
    for (let index = 0; index < 20 && refused === undefined; index += 1) {
      const stdio = index % 2 === 0 ? "pipes" : "terminal";
      const result = await few.ask<HostStarted>({
        type: "start",
        spec: specOf(keyOf(`s${index}`), ["cat"], { stdio }),
      });
      if (!result.ok) refused = result.fault;
    }
    expect(refused).toMatchObject({ code: "too-many-processes", retryable: true });
    await few.must({ type: "input", key: keyOf("s0") }, Buffer.from("still here\n"));
    await until(() => textOf(recordsOnDisk(limited.logs, "s0")).includes("still here"), "the first to go on");
  } finally {
    await limited.close();
  }
});

const PROCESSES = "too many processes: a start is refused with words, and the host goes on";
test.skipIf(!IS_LINUX_ROOT)(
  IS_LINUX_ROOT ? PROCESSES : `${PROCESSES} (SKIPPED: only root can limit another user)`,
  async () => {
    chmodSync(folder, 0o755);
    const nobody = 65534;
    const before = ["prlimit", "--nproc=40", "setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
    const limited = await startHost(bundle, { before, owner: nobody });
    try {
      const few = await limited.connect();
      for (const stdio of ["terminal", "pipes"] as const) {
        let refused: unknown;
        for (let index = 0; index < 40 && refused === undefined; index += 1) {
          const spec = specOf(keyOf(`${stdio}-${index}`), ["cat"], { stdio });
          const result = await few.ask<HostStarted>({ type: "start", spec });
          if (!result.ok) refused = result.fault;
        }
        expect(refused, stdio).toMatchObject({ code: "too-many-processes", retryable: true });
      }
      await few.must({ type: "input", key: keyOf("terminal-0") }, Buffer.from("still here\n"));
      await until(() => textOf(recordsOnDisk(limited.logs, "terminal-0")).includes("still here"), "the first to go on");
    } finally {
      await limited.close();
    }
  },
);

test("a start that is repeated is the same start, until its exit is acknowledged; then it is refused", async () => {
  const first = await shell("echo once; exit 0");
  const start = () => controller.ask<HostStarted>({ type: "start", spec: specOf(KEY, ["echo", "twice"]) });
  expect(await start()).toMatchObject({ ok: true, value: { existing: true, process: { pid: first.pid } } });
  await controller.exitOf(KEY);
  expect(await start()).toMatchObject({ ok: true, value: { existing: true, process: { exit: { code: 0 } } } });
  await controller.must({ type: "acknowledge-exit", key: KEY });
  await controller.must({ type: "acknowledge-exit", key: KEY });
  expect(await start()).toMatchObject({ ok: false, fault: { code: "conflict" } });
  expect(textOf(host.records(KEY))).toBe("once\r\n");
  expect(await controller.must({ type: "list" })).toEqual([]);
  await controller.start(keyOf("session", 2), ["echo", "twice"]);
  await printed("twice", keyOf("session", 2));
});

test("two starts of one key in one turn make one process", async () => {
  const spec = specOf(KEY, ["sh", "-c", "echo started; sleep 60"]);
  const results = await Promise.all([1, 2].map(() => controller.must<HostStarted>({ type: "start", spec })));
  expect(results.map(({ existing }) => existing)).toEqual([false, true]);
  await printed("started");
  expect(textOf(host.records(KEY))).toBe("started\r\n");
});

test("a stream may hold markers before its process is started, and goes on behind them", async () => {
  const record = { kind: "marker", payload: { id: "transition:1", marker: "transition", text: "STARTING" } } as const;
  await controller.must({ type: "append", key: KEY, record });
  await controller.must({ type: "append", key: KEY, record });
  await exitOfShell("echo hi");
  await controller.must({ type: "append", key: KEY, record });
  expect(kindsOf(host.records(KEY))).toEqual([
    RecordKind.marker,
    RecordKind.resize,
    RecordKind.terminal,
    RecordKind.exit,
  ]);
});

test("an exit is kept until it is acknowledged, over controllers", async () => {
  await exitOfShell("exit 5");
  controller.close();
  const next = await host.connect(2);
  expect(next.hello?.processes).toMatchObject([{ key: KEY, exit: { code: 5, signal: null } }]);
  await next.must({ type: "acknowledge-exit", key: KEY });
  expect((await host.connect(3)).hello?.processes).toEqual([]);
});

test("while nobody is connected output is kept to the byte, and exits are known", async () => {
  const copy = join(host.root, "copy");
  await controller.start(KEY, ["sh", "-c", `stty raw; seq 1 400000 | tee ${copy}; exit 6`]);
  controller.close();
  await until(() => kindsOf(host.records(KEY)).includes(RecordKind.exit), "the exit");
  expect(textOf(host.records(KEY)) === readFileSync(copy, "utf8"), "the log equals the copy").toBe(true);
  const next = await host.connect(2);
  expect(next.hello?.processes).toMatchObject([{ exit: { code: 6 } }]);
});

test("a stream of a host that died is opened, its torn tail cut, and its loss told once", async () => {
  await shell("echo kept; exec sleep 60");
  await printed("kept");
  const [pid] = (await controller.must<HostedProcess[]>({ type: "list" })).map((one) => one.pid);
  host.process.kill("SIGKILL");
  await until(() => pid !== undefined && !isAlive(pid), "the terminal's end to reach the program");
  const path = join(host.logs, KEY.sessionId, "main@1", segmentFileName(0));
  appendFileSync(path, Buffer.from([1, 0, 9, 0, 200, 0, 0]));
  const second = await startHost(bundle, { home: host.home });
  try {
    const next = await second.connect(2);
    const record = { kind: "gap", payload: { bytes: null, reason: "host-lost" } } as const;
    await next.must({ type: "append", key: KEY, record });
    await next.must({ type: "append", key: KEY, record });
    const records = host.records(KEY);
    expect(textOf(records)).toBe("kept\r\n");
    expect(payloadsOnDisk(records, RecordKind.gap)).toEqual([record.payload]);
    expect(await next.ask({ type: "start", spec: specOf(KEY, ["true"]) })).toMatchObject({
      fault: { code: "conflict" },
    });
  } finally {
    await second.close();
  }
});

test("a session is forgotten when none of its processes runs, whoever it left behind", async () => {
  await shell("trap '' HUP; sleep 60 & echo hi; read x");
  await printed("hi");
  const forget = () => controller.ask({ type: "forget-session", sessionId: KEY.sessionId });
  expect(await forget()).toMatchObject({ fault: { code: "conflict" } });
  await controller.must({ type: "input", key: KEY }, Buffer.from("\n"));
  await controller.exitOf(KEY);
  expect(await forget()).toMatchObject({ ok: true });
  expect(readdirSync(host.logs)).toEqual([]);
  expect(await controller.must({ type: "list" })).toEqual([]);
});

const DISK = "the disk is full: the process goes on, its output is counted and the gap told, its exit is not lost";
test.skipIf(!IS_LINUX_ROOT)(IS_LINUX_ROOT ? DISK : `${DISK} (SKIPPED: only root can mount a small disk)`, () =>
  withSmallDisk(1024, async (disk, resize) => {
    const small = await startHost(bundle, { logs: join(disk, "logs") });
    try {
      const one = await small.connect();
      const done = join(small.root, "done");
      await one.start(KEY, ["sh", "-c", `stty raw; head -c 3000000 /dev/zero | tr '\\0' x; touch ${done}; exit 8`]);
      await until(() => existsSync(done), "the program to write all of it");
      expect((await one.exitOf(KEY)).exit).toMatchObject({ code: 8 });
      resize(8192);
      const records = () => recordsOnDisk(small.logs, KEY.sessionId);
      await until(() => kindsOf(records()).includes(RecordKind.exit), "the exit in the log");
      const [gap] = payloadsOnDisk<GapPayload>(records(), RecordKind.gap);
      expect(gap).toEqual({ bytes: 3_000_000 - textOf(records()).length, reason: "disk-full" });
      expect(kindsOf(records()).slice(-2)).toEqual([RecordKind.gap, RecordKind.exit]);
      await until(() => /ENOSPC[\s\S]*is written again/.test(small.reports()), "both to be reported");
    } finally {
      await small.close();
    }
  }),
);

/** A folder with a named pipe in it, which keeps who opens it waiting for the test. */
function fifo(name: string): string {
  execFileSync("sh", ["-c", `mkfifo ${join(host.root, name)}`]);
  return host.root;
}

function script(firstLine: string): string {
  const folderOfScripts = join(host.root, "scripts");
  mkdirSync(folderOfScripts, { recursive: true });
  const path = join(folderOfScripts, "run");
  writeFileSync(path, `${firstLine}\n`);
  chmodSync(path, 0o755);
  return path;
}

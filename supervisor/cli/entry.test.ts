import { execFile, spawn } from "node:child_process";
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
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { homeLayout } from "../../schemas/home.ts";
import { environmentFor, makeStubProgram, STUB_SUPERVISOR } from "../../test/harness/stub-program.ts";
import { hasEndedWithin, readSupervisorProcess, startTimeOf } from "../client/process-identity.ts";

let root: string;
let program: string;
let home: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "om-entry-")));
  program = join(root, "program");
  await makeStubProgram(program);
});
beforeEach(() => {
  home = mkdtempSync(join(root, "h"));
  environment = environmentFor(home);
});
afterAll(() => rmSync(root, { recursive: true }));

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function overmind(argv: readonly string[], changes: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const entry = join(program, "overmind.cjs");
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [entry, ...argv],
      { env: { ...environment, ...changes } },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test("--version names version and build", async () => {
  expect(await overmind(["--version"])).toEqual({ code: 0, stdout: "overmind 0.1.0 (b1)\n", stderr: "" });
});

describe("ps and status", () => {
  async function serve(wishes: Record<string, unknown> = {}): Promise<void> {
    mkdirSync(join(home, "run"), { mode: 0o700 });
    writeFileSync(join(home, "stub.json"), JSON.stringify(wishes));
    spawn(process.execPath, [STUB_SUPERVISOR, "run", "--home", home], { stdio: "ignore" });
    await expect.poll(() => readdirSync(home), { timeout: 5000 }).toContain("supervisor.json");
  }
  afterEach(async () => {
    const running = readSupervisorProcess(homeLayout(home, { platform: process.platform, userId: 0 }));
    if (running === undefined || startTimeOf(running.pid) !== running.startTime) return;
    process.kill(running.pid, "SIGKILL");
    expect(await hasEndedWithin(running.pid, running.startTime, 5000)).toBe(true);
  });

  test.each([
    [["ps"], {}],
    [["ps", "-a", "--tree", "-o", "wide", "-l", "k=v,!x", "--colony", "c"], ALL],
    [["ps", "--all", "--output", "wide", "--selector", "k=v"], { all: true, wide: true, selector: "k=v" }],
  ])("%j is answered by the supervisor's own text", async (argv, params) => {
    await serve();
    const { code, stdout, stderr } = await overmind(argv);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout.slice("table ".length))).toEqual({ ...params, colour: false });
  });

  test("status too, in colour where that is wanted", async () => {
    await serve();
    expect((await overmind(["status"])).stdout).toBe("status\n");
    expect((await overmind(["ps"], { NO_COLOR: "", FORCE_COLOR: "1" })).stdout).toContain('"colour":true');
  });

  test.each([
    [["ps", "--json"]],
    [["ps", "--watch"]],
    [["ps", "-l"]],
    [["ps", "-o", "narrow"]],
    [["ps", "-l", "-a"]],
    [["ps", "extra"]],
    [["status", "--json"]],
    [["status", "extra"]],
  ])("%j is the whole command line's", async (argv) => {
    await serve();
    expect((await overmind(argv)).stdout).toBe(`cli ${argv.join(" ")} true\n`);
  });

  test("without an answer the whole command line takes over, and nothing is printed twice", async () => {
    expect(await overmind(["ps"])).toEqual({ code: 0, stdout: "cli ps true\n", stderr: "" });
    await serve({ protocol: 2 });
    expect(await overmind(["ps"])).toEqual({ code: 0, stdout: "cli ps true\n", stderr: "" });
  });
});

const ALL = { all: true, tree: true, wide: true, selector: "k=v,!x", colony: "c" };

describe("the code cache", () => {
  const caches = () => readdirSync(join(home, "cache")).map((name) => join(home, "cache", name));

  test("is written once, for the user alone, and used", async () => {
    expect((await overmind(["doctor"])).stdout).toBe("cli doctor true\n");
    const [cache = "", ...others] = caches();
    expect(others).toEqual([]);
    expect(cache).toContain(`cli-b1-${process.version}`);
    expect(statSync(cache).mode & 0o777).toBe(0o600);
    const before = statSync(cache).ino;
    expect((await overmind(["doctor"])).stdout).toBe("cli doctor true\n");
    expect(statSync(cache).ino).toBe(before);
  });

  test.each([
    [
      "changed",
      (cache: string, bytes: Buffer) => writeFileSync(cache, bytes.fill(0xff, bytes.length >> 2, bytes.length >> 1)),
    ],
    ["cut", (cache: string, bytes: Buffer) => truncateSync(cache, bytes.length - 7)],
    ["all zeros", (cache: string, bytes: Buffer) => writeFileSync(cache, bytes.fill(0))],
    ["empty", (cache: string) => truncateSync(cache, 0)],
  ])("one that is %s is not run, and is made anew", async (_, damage) => {
    await overmind(["doctor"]);
    const [cache = ""] = caches();
    const whole = readFileSync(cache);
    damage(cache, readFileSync(cache));
    expect(await overmind(["doctor"])).toEqual({ code: 0, stdout: "cli doctor true\n", stderr: "" });
    expect(readFileSync(cache).length).toBe(whole.length);
    expect(readFileSync(cache).subarray(whole.length >> 1)).toEqual(readFileSync(cache).subarray(0, whole.length >> 1));
  });

  test("a home that does not exist is not made for it; one that cannot be written to is no fault", async () => {
    rmSync(home, { recursive: true });
    expect(await overmind(["doctor"])).toEqual({ code: 0, stdout: "cli doctor true\n", stderr: "" });
    expect(existsSync(home)).toBe(false);
    writeFileSync(home, "a file");
    expect(await overmind(["doctor"])).toEqual({ code: 0, stdout: "cli doctor true\n", stderr: "" });
  });
});

describe("commands of the other overmind", () => {
  let other: string;
  beforeEach(() => {
    other = join(home, "other");
    mkdirSync(other);
  });
  const write = (folder: string, script: string) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "overmind"), script);
    chmodSync(join(folder, "overmind"), 0o755);
    return folder;
  };
  const path = (...folders: string[]) => ({ PATH: [...folders, "/usr/bin", "/bin"].join(delimiter) });

  test.each([["start"], ["s"], ["connect"], ["echo"], ["quit"]])(
    "%s runs it, with its arguments and exit code",
    async (command) => {
      write(other, '#!/bin/sh\necho "theirs $*"; exit 7\n');
      const ran = await overmind([command, "-f", "a b"], path(other));
      expect(ran).toEqual({ code: 7, stdout: `theirs ${command} -f a b\n`, stderr: "" });
    },
  );

  test("ours is skipped wherever it is: a link, a copy's script, npm's wrapper, a folder, what may not be run", async () => {
    const link = join(home, "link");
    mkdirSync(link);
    symlinkSync(join(program, "overmind.cjs"), join(link, "overmind"));
    const script = write(join(home, "bin"), `#!/bin/sh\nexec node '/somewhere/versions/1/overmind.cjs' "$@"\n`);
    const wrapper = write(join(home, "npm"), '#!/bin/sh\nexec node "$basedir/../overmind/dist/overmind.cjs" "$@"\n');
    const folder = join(home, "folder");
    mkdirSync(join(folder, "overmind"), { recursive: true });
    const plain = write(join(home, "plain"), "no program");
    chmodSync(join(plain, "overmind"), 0o644);
    write(other, "#!/bin/sh\necho theirs\n");
    const ran = await overmind(["start"], path(link, script, wrapper, folder, plain, join(home, "absent"), other));
    expect(ran).toEqual({ code: 0, stdout: "theirs\n", stderr: "" });
    const alone = await overmind(["start"], path(link, script, wrapper));
    expect(alone.code).toBe(127);
    expect(alone.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(alone.stderr).toContain("no other overmind is in PATH");
  });

  test("a shim that leads back to us is not followed for ever", async () => {
    // It does not name our bundle: nothing but the count can tell.
    write(other, '#!/bin/sh\nexec "$NODE" "$BUNDLE" "$@"\n');
    const back = { ...path(other), NODE: process.execPath, BUNDLE: join(program, "overmind.cjs") };
    expect((await overmind(["start"], back)).code).toBe(127);
  });

  test("signals reach it, and we end as it ends", async () => {
    write(
      other,
      "#!/bin/sh\ntrap 'echo got TERM; exit 9' TERM\necho ready\nfor i in $(seq 250); do sleep 0.02; done\n",
    );
    const child = spawn(process.execPath, [join(program, "overmind.cjs"), "start"], {
      env: { ...environment, ...path(other) },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    const ended = new Promise((resolve) => child.on("close", (code) => resolve(code)));
    child.stdout.on("data", (bytes) => {
      printed += bytes;
      if (printed === "ready\n") child.kill("SIGTERM");
    });
    expect(await ended).toBe(9);
    expect(printed).toBe("ready\ngot TERM\n");
  });

  test("killed by a signal it is as if we were", async () => {
    write(other, "#!/bin/sh\nkill -KILL $$\n");
    const child = spawn(process.execPath, [join(program, "overmind.cjs"), "start"], {
      env: { ...environment, ...path(other) },
    });
    expect(await new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)))).toBe("SIGKILL");
  });
});

/** Commands that wait, watch and complete, whole: the built CLI on living sessions, on terminals and in real shells. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import * as pty from "@lydell/node-pty";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SessionView, TransitionView } from "../schemas/session-view.ts";
import { DIST, isAlive, makeWorld, run as runProgram, until, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

interface Described {
  readonly session: SessionView;
  readonly transitions: TransitionView[];
}
const described = (name: string) => world.json<Described>("describe", name, "--json");

async function run(...argv: string[]): Promise<string> {
  return (await world.must("run", ...argv)).trim();
}

/** A session that ends with this code once the file is there. */
async function endsAtSign(name: string, code: number): Promise<() => void> {
  const sign = join(world.root, `${name}-may-end`);
  await run("--name", name, "--", "sh", "-c", `until test -e '${sign}'; do sleep 0.02; done; exit ${code}`);
  return () => writeFileSync(sign, "");
}

interface Waited {
  readonly sessions: { readonly session: SessionView | null; readonly ended: boolean; readonly code: number | null }[];
  readonly timedOut: boolean;
  readonly code: number;
}

describe("wait for many", () => {
  test("all by default: the first code that is not 0, in the order named", async () => {
    const [one, two] = [await endsAtSign("all-3", 3), await endsAtSign("all-4", 4)];
    const zero = await run("--name", "all-0", "--", "true");
    const waiting = world.overmind("wait", zero, "all-4", "all-3");
    one();
    expect((await world.overmind("wait", "all-3")).code).toBe(3);
    two();
    expect((await waiting).code).toBe(4);
  });

  test("any: returns with the first that ends, while others go on; a time-out names those", async () => {
    const [end, endOther] = [await endsAtSign("any-5", 5), await endsAtSign("any-6", 6)];
    const slow = await world.overmind("wait", "any-6", "any-5", "--timeout", "10ms");
    expect(slow.code).toBe(124);
    expect(slow.stderr).toContain("any-6, any-5 have not ended within 10ms");
    const waiting = world.overmind("wait", "--any", "any-6", "any-5", "--json");
    end();
    const { code, stdout } = await waiting;
    expect(code).toBe(5);
    expect(JSON.parse(stdout) as Waited).toMatchObject({
      code: 5,
      timedOut: false,
      sessions: [
        { ended: false, code: null, session: { name: "any-6" } },
        { ended: true, code: 5, session: { name: "any-5" } },
      ],
    });
    endOther();
    expect((await world.overmind("wait", "any-6")).code).toBe(6);
    expect((await world.overmind("wait", "--any", "any-6", "any-5")).code).toBe(5);
  });

  test("one that does not exist: 125, and nothing is waited for", async () => {
    const goesOn = await run("--name", "goes-on", "--", "sleep", "1000");
    const refused = await world.overmind("wait", goesOn, "no-such-session");
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("no-such-session");
    await world.must("kill", goesOn);
  });
});

describe("restart", () => {
  test("a running one: another process, the next attempt, in the same worktree", async () => {
    const name = await run("--name", "again", "--", "sh", "-c", "echo $$ >> pids; exec sleep 1000");
    await until(async () => (await described(name)).session.phase === "RUNNING", "it to run");
    const before = (await described(name)).session;
    const told = await world.must("restart", name);
    const after = (await described(name)).session;
    expect(told).toBe(`restarted ${name} (attempt 2, process ${after.pid})\n`);
    expect(after).toMatchObject({ phase: "RUNNING", attempt: 2, restarts: 0, workspace: before.workspace });
    expect(after.pid).not.toBe(before.pid);
    expect(isAlive(before.pid ?? 0)).toBe(false);
    await world.must("kill", name);
  });

  test("an ended one starts again, and --json says so", async () => {
    const name = await run("--", "sh", "-c", "exit 2");
    await world.overmind("wait", name);
    const { sessions, failures } = await world.json<{ sessions: SessionView[]; failures: unknown[] }>(
      "restart",
      name,
      "--json",
    );
    expect(failures).toEqual([]);
    expect(sessions).toMatchObject([{ name, attempt: 2 }]);
    expect((await world.overmind("wait", name)).code).toBe(2);
  });

  test("one that is not there is exit code 3", async () => {
    expect((await world.overmind("restart", "no-such-session")).code).toBe(3);
  });
});

test("rename: the new name names it, the old one nobody; its branch keeps its name", async () => {
  const name = await run("--name", "old-name", "--", "sleep", "1000");
  const { branch } = (await described(name)).session.workspace;
  expect(await world.must("rename", name, "new-name")).toBe("renamed old-name to new-name\n");
  expect((await described("new-name")).session).toMatchObject({ name: "new-name", workspace: { branch } });
  expect((await world.overmind("describe", "old-name")).code).toBe(3);
  const other = await run("--name", "other-name", "--", "sleep", "1000");
  expect((await world.overmind("rename", other, "new-name")).code).toBe(4);
  expect((await world.overmind("rename", other, "No Name")).code).toBe(2);
  await world.must("kill", "new-name", other);
});

test("result: what it printed last, how it ended; 0 whatever its own code", async () => {
  const name = await run("--", "sh", "-c", "echo first; echo the answer is 42; exit 3");
  await world.overmind("wait", name);
  const told = await world.overmind("result", name);
  expect(told.code).toBe(0);
  expect(told.stdout.split("\n")).toContain("the answer is 42");
  expect(told.stderr).toMatch(/^CRASHED, exit 3, \d+s\n$/);
  const { text, session } = await world.json<{ text: string; session: SessionView }>("result", name, "--json");
  expect(text).toContain("the answer is 42");
  expect(session.exit).toEqual({ code: 3, signal: null });
});

describe("subscribe", () => {
  type Line = Record<string, unknown> & { readonly type: string };
  const linesOf = (text: string) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);

  test("every transition once, over a supervisor that is killed, until the end", async () => {
    const end = await endsAtSign("followed", 3);
    await until(async () => (await described("followed")).session.phase === "RUNNING", "it to run");
    const child = spawn(process.execPath, [join(DIST, "overmind.cjs"), "subscribe", "followed"], {
      cwd: world.project,
      env: world.environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (bytes) => {
      printed += bytes;
    });
    const code = new Promise((resolve) => child.on("close", resolve));
    await until(() => linesOf(printed.slice(0, printed.lastIndexOf("\n") + 1)).length > 0, "the first line");
    const seen = (await described("followed")).transitions.length;
    await world.kill(world.supervisorPid());
    end();
    expect((await world.overmind("wait", "followed")).code).toBe(3);
    expect(await code).toBe(0);
    const lines = linesOf(printed);
    const { session, transitions } = await described("followed");
    expect(lines[0]).toMatchObject({ type: "session", sessionId: session.id, session: { name: "followed" } });
    const toldTransitions = lines.filter(({ type }) => type === "transition").map(({ at, to }) => ({ at, to }));
    expect(toldTransitions).toEqual(transitions.slice(seen).map(({ at, to }) => ({ at, to })));
    expect(lines.at(-1)).toMatchObject({ type: "end", phase: "CRASHED", exit: { code: 3 }, sessionName: "followed" });
  });

  test("of one that has ended: the session and its end", async () => {
    const name = await run("--", "true");
    await world.overmind("wait", name);
    expect(linesOf(await world.must("subscribe", name)).map(({ type }) => type)).toEqual(["session", "end"]);
  });

  test("ends without a word when its reader goes away", async () => {
    const end = await endsAtSign("read-once", 0);
    const gone = join(world.root, "reader-is-gone");
    const command = `"$1" "$2" subscribe read-once | (head -n 1; exec <&-; touch '${gone}'); echo "ended \${PIPESTATUS[0]}"`;
    const reading = runProgram(
      "bash",
      ["-c", command, "bash", process.execPath, join(DIST, "overmind.cjs")],
      world.project,
      world.environment,
    );
    await until(() => existsSync(gone), "the reader to go away");
    end();
    const { stdout, stderr } = await reading;
    expect(stdout).toMatch(/^\{"type":"session".*\nended 0\n$/);
    expect(stderr).toBe("");
  });
});

interface Terminal {
  readonly process: pty.IPty;
  readonly screen: () => string;
  shows(text: string): Promise<void>;
  readonly exit: Promise<number>;
}

function onTerminal(program: string, argv: string[], environment: NodeJS.ProcessEnv = world.environment): Terminal {
  const process_ = pty.spawn(program, argv, {
    cols: 120,
    rows: 24,
    cwd: world.project,
    env: { ...environment, TERM: "xterm-256color" },
  });
  let shown = "";
  process_.onData((data) => {
    shown += data;
  });
  const exit = new Promise<number>((resolve) => process_.onExit(({ exitCode }) => resolve(exitCode)));
  return {
    process: process_,
    screen: () => shown,
    shows: (text) => until(() => shown.includes(text), `"${text}" on the terminal, which shows ${shown}`),
    exit,
  };
}

describe("top", () => {
  let spinner: string;
  beforeAll(async () => {
    spinner = await run("--name", "spins", "--label", "team=top", "--", "sh", "-c", "while :; do :; done");
    await run("--name", "rests", "--label", "team=top", "--", "sleep", "1000");
    await until(async () => (await described(spinner)).session.phase === "RUNNING", "it to run");
    await until(async () => (await described("rests")).session.phase === "RUNNING", "it to run");
  });
  afterAll(async () => {
    await world.must("kill", "-l", "team=top");
  });

  test("once where standard output is no terminal, the hungriest first", async () => {
    const look = async () => (await world.must("top", "-l", "team=top")).trimEnd().split("\n");
    // On a busy machine it may not have been its turn between the two looks.
    await until(async () => (await look())[3]?.startsWith("spins ") === true, "the one that spins to be the first");
    const lines = await look();
    expect(lines[0]).toMatch(/^2 sessions, CPU \d+(\.\d)?%, memory .+, \d+ processes$/);
    expect(lines[2]).toMatch(/^NAME +PHASE +ACTIVITY +CPU +MEM +PROCS +READ\/S +WRITTEN\/S +UPTIME +AGENT$/);
    expect(lines).toHaveLength(5);
    const argv = ["top", "--json", "--sort", "name", "-l", "team=top"];
    const { sessions } = await world.json<{ sessions: SessionView[] }>(...argv);
    expect(sessions.map(({ name }) => name)).toEqual(["rests", "spins"]);
    for (const { usage } of sessions) {
      if (process.platform === "linux") expect(usage?.writtenBytesPerSecond).toBeGreaterThanOrEqual(0);
      expect(usage?.cpu).toBeGreaterThanOrEqual(0);
      expect(usage?.memoryBytes).toBeGreaterThan(0);
      expect(usage?.processes).toBeGreaterThan(0);
    }
  });

  test.each([
    ["q", "q", 0],
    ["Ctrl-C", "\x03", 0],
  ])("on a terminal it goes on until %s, and puts the terminal back", async (_, key, code) => {
    const states = { before: join(world.root, "stty-before"), after: join(world.root, "stty-after") };
    const script = `stty -g > '${states.before}'; "$1" "$2" top --interval 100ms -l team=top; echo "left $?"; stty -g > '${states.after}'`;
    const terminal = onTerminal("sh", ["-c", script, "sh", process.execPath, join(DIST, "overmind.cjs")]);
    await terminal.shows("spins");
    // A second frame: it is drawn over the first.
    await until(() => terminal.screen().split("\x1b[H").length > 2, "a second frame");
    terminal.process.write(key);
    await terminal.shows(`left ${code}`);
    await terminal.exit;
    expect(terminal.screen()).toMatch(/^\x1b\[\?1049h\x1b\[\?25l/);
    expect(terminal.screen()).toMatch(/\x1b\[\?25h\x1b\[\?1049lleft 0\r\n$/);
    expect(readFileSync(states.after, "utf8")).toBe(readFileSync(states.before, "utf8"));
  });

  test("a signal puts the terminal back too", async () => {
    const terminal = onTerminal(process.execPath, [join(DIST, "overmind.cjs"), "top"]);
    await terminal.shows("spins");
    terminal.process.kill("SIGTERM");
    expect(await terminal.exit).toBe(143);
    expect(terminal.screen()).toMatch(/\x1b\[\?25h\x1b\[\?1049l$/);
  });
});

test("colony list counts the sessions of each", async () => {
  const name = await run("--colony", "bees", "--", "true");
  await world.overmind("wait", name);
  const { colonies } = await world.json<{ colonies: { name: string; sessions: Record<string, number> }[] }>(
    "colony",
    "list",
    "--json",
  );
  expect(colonies.find((colony) => colony.name === "bees")?.sessions).toEqual({ COMPLETED: 1 });
  expect(await world.must("colony", "list")).toMatch(/^bees +1 +1 COMPLETED$/m);
});

describe("logs of all sessions", () => {
  test("--grep and --since choose lines by their text and time, each tagged with its session", async () => {
    const names = await Promise.all(
      ["red", "green"].map((name) => run("--name", `log-${name}`, "--", "sh", "-c", `echo needle ${name}; echo hay`)),
    );
    await world.overmind("wait", ...names);
    const lines = (await world.must("logs", "--grep", "need.e", "--since", "1h")).trimEnd().split("\n").sort();
    expect(lines).toEqual(["log-green | needle green", "log-red | needle red"]);
    expect(await world.must("logs", "--since", new Date(Date.now() + 3_600_000).toISOString())).toBe("");
  });
});

describe("completion", () => {
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    folder = join(world.root, "completion");
    mkdirSync(folder);
    for (const shell of ["bash", "zsh", "fish"]) {
      writeFileSync(join(folder, `script.${shell}`), await world.must("completion", shell));
    }
    writeFileSync(join(folder, "overmind"), `#!/bin/sh\nexec '${process.execPath}' '${DIST}/overmind.cjs' "$@"\n`);
    chmodSync(join(folder, "overmind"), 0o755);
    environment = { ...world.environment, PATH: `${folder}${delimiter}${world.environment.PATH ?? ""}` };
    await run("--name", "completes-me", "--", "sleep", "1000");
    await run("--name", "completed-before", "--", "true");
    await world.overmind("wait", "completed-before");
  });
  afterAll(async () => {
    await world.must("kill", "completes-me");
  });

  function inBash(words: readonly string[], changes: NodeJS.ProcessEnv = {}): string[] {
    const script = [
      'source "$1"; shift',
      'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))',
      '_overmind; for one in "$' + '{COMPREPLY[@]}"; do echo "$one"; done',
    ].join("\n");
    const argv = ["--norc", "--noprofile", "-c", script, "bash", join(folder, "script.bash"), ...words];
    const env = { ...environment, ...changes };
    return execFileSync("bash", argv, { env, cwd: world.project, encoding: "utf8" }).split("\n").slice(0, -1).sort();
  }

  test("in bash: commands, flags, and the names of sessions, with ended ones where they are taken", () => {
    expect(inBash(["overmind", "supervisor", "inst"])).toEqual(["install"]);
    expect(inBash(["overmind", "stop", "--cas"])).toEqual(["--cascade"]);
    expect(inBash(["overmind", "stop", "complete"])).toEqual(["completes-me"]);
    expect(inBash(["overmind", "logs", "complete"])).toEqual(["completed-before", "completes-me"]);
  });

  test("without a supervisor there is no name and no word, and none is started", () => {
    const home = join(world.root, "nobody-home");
    expect(inBash(["overmind", "stop", ""], { OVERMIND_HOME: home })).toEqual([]);
    const argv = [join(DIST, "overmind.cjs"), "__complete", "sessions", "--all"];
    const asked = spawnSync(process.execPath, argv, {
      env: { ...environment, OVERMIND_HOME: home },
      encoding: "utf8",
    });
    expect([asked.status, asked.stdout, asked.stderr]).toEqual([0, "", ""]);
    expect(existsSync(home)).toBe(false);
  });

  test("what it asks with is in no help", async () => {
    expect(await world.must("--help")).not.toContain("__complete");
  });

  test("in zsh, at a prompt, where there is one", async () => {
    if (spawnSync("zsh", ["--version"]).error !== undefined) {
      // It is not on this machine: its script is at least the one that is meant for it.
      expect(readFileSync(join(folder, "script.zsh"), "utf8")).toMatch(/^#compdef overmind\n/);
      return;
    }
    const terminal = onTerminal("zsh", ["-f", "-i"], { ...environment, HOME: folder, PS1: "ready> " });
    await terminal.shows("ready> ");
    const type = (text: string) => terminal.process.write(text);
    // What is completed is printed instead of run.
    const says = `overmind() { [[ $1 == __complete ]] && command overmind "$@" || print -r -- "ran: $*" }`;
    type(`autoload -Uz compinit && compinit -D -u && source '${folder}/script.zsh'; ${says}; echo sour''ced\r`);
    await terminal.shows("sourced");
    for (const [typed, completed] of [
      ["superv\tinst\t", "supervisor install"],
      ["stop --casc\tcomple\t", "stop --cascade completes-me"],
      ["logs completed\t", "logs completed-before"],
      ["top --sort mem\t", "top --sort memory"],
      ["top --sort=mem\t", "top --sort=memory"],
      ["run --restart alw\t-- sleep 5", "run --restart always -- sleep 5"],
      ["run -- overm\t", "run -- overmind"],
    ] as const) {
      type(`overmind ${typed}\r`);
      await terminal.shows(`ran: ${completed}`);
    }
    type("exit\r");
    expect(await terminal.exit).toBe(0);
  });

  test("in fish, where there is one", () => {
    const script = join(folder, "script.fish");
    if (spawnSync("fish", ["--version"]).error !== undefined) {
      expect(readFileSync(script, "utf8")).toContain("complete -c overmind");
      return;
    }
    const inFish = (line: string) =>
      execFileSync("fish", ["--no-config", "-c", `source '${script}'; complete -C '${line}'`], {
        env: environment,
        encoding: "utf8",
      })
        .split("\n")
        .map((found) => found.split("\t")[0]);
    expect(inFish("overmind stop comple")).toEqual(["completes-me", ""]);
    expect(inFish("overmind stop --casc")).toEqual(["--cascade", ""]);
  });
});

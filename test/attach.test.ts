/** `attach` and `run --attach` on a real terminal: what is typed, resized, interrupted, detached, and lived through. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonOutputOf } from "../schemas/json-output.ts";
import type { SessionView } from "../schemas/session-view.ts";
import { openTerminal, type Terminal, type TerminalOptions } from "./harness/terminal.ts";
import { makeTmux, type Tmux } from "./harness/tmux.ts";
import { FIXTURES, makeWorld, until, type World } from "./harness/world.ts";

const DETACH = "\x10\x11";

let world: World;
let tmux: Tmux;
beforeAll(async () => {
  world = await makeWorld();
  tmux = makeTmux(world);
});
afterAll(async () => {
  await tmux.close();
  await world.close();
});

const onTerminal = (...argv: string[]): Terminal => openTerminal(world, argv);
const attach = (name: string, options: TerminalOptions = {}, ...flags: string[]): Terminal =>
  openTerminal(world, ["attach", name, ...flags], options);
const fixture = (name: string, ...argv: string[]) => [process.execPath, join(FIXTURES, name), ...argv];

const view = async (name: string) => (await world.json<{ session: SessionView }>("describe", name, "--json")).session;
const phaseOf = async (name: string) => (await view(name)).phase;
const screenOf = async (name: string) => world.json<JsonOutputOf<"screen">>("screen", name, "--json");
/** One that has not started yet has no screen. */
const showsOnScreen = (name: string, text: string) =>
  until(async () => (await world.overmind("screen", name)).stdout.includes(text), `"${text}" on the screen of ${name}`);

async function hasSize(name: string, columns: number, rows: number): Promise<void> {
  const size = async () => {
    const shown = await screenOf(name);
    return shown.columns === columns && shown.rows === rows;
  };
  await until(size, `${name} to be ${columns}x${rows}`);
}

describe("run --attach", () => {
  test("size, keys, a new size, line ends as they are, and the session's own exit code", async () => {
    const onResize = "stty size; stty -opost; printf 'a\\nb\\n'; exit 6";
    const script = `stty size; read x; echo got $x; trap "${onResize}" WINCH; echo ready; while :; do sleep 0.05; done`;
    const terminal = onTerminal("run", "--attach", "--", "sh", "-c", script);
    await terminal.shows("40 133");
    terminal.process.write("hello\r");
    await terminal.shows("got hello");
    await terminal.shows("ready");
    terminal.process.resize(77, 20);
    expect(await terminal.exit).toBe(6);
    expect(terminal.screen()).toContain("20 77");
    expect(terminal.screen()).toContain("a\nb\n");
  });

  test("what it wrote from its first byte on, even when it has ended by then and is removed", async () => {
    const terminal = onTerminal("run", "--attach", "--rm", "--", "sh", "-c", "echo first; echo last; exit 3");
    expect(await terminal.exit).toBe(3);
    expect(terminal.screen()).toMatch(/first\r\nlast\r\n/);
  });

  test("Ctrl-P Ctrl-Q detaches, puts the screen back and leaves the session alone", async () => {
    const script = "printf '\\033[?1049h\\033[?25l\\033[>1ufull'; sleep 1000";
    const terminal = onTerminal("run", "--attach", "--name", "full", "--", "sh", "-c", script);
    await terminal.shows("full");
    terminal.process.write(DETACH);
    expect(await terminal.exit).toBe(0);
    expect(terminal.screen()).toContain("\x1b[<1u\x1b[?1049l\x1b[?25h");
    expect(terminal.screen()).toContain("full goes on");
    expect(await phaseOf("full")).toBe("RUNNING");
  });

  test("Ctrl-C goes to the session", async () => {
    const script = "trap 'echo INT; exit 9' INT; echo go; while :; do sleep 0.05; done";
    const terminal = onTerminal("run", "--attach", "--rm", "--", "sh", "-c", script);
    await terminal.shows("go");
    terminal.process.write("\x03");
    expect(await terminal.exit).toBe(9);
  });

  test("the supervisor is killed under it: nothing is lost or doubled, and keys still arrive", async () => {
    const script = "for i in 1 2 3 4 5 6 7 8; do echo n$i; sleep 0.2; done; read z; echo got $z";
    const terminal = onTerminal("run", "--attach", "--", "sh", "-c", script);
    await terminal.shows("n2");
    await world.kill(world.supervisorPid());
    await terminal.shows("n8");
    terminal.process.write("after\r");
    expect(await terminal.exit).toBe(0);
    expect(terminal.screen().match(/n\d/g)).toEqual(["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"]);
    expect(terminal.screen()).toContain("got after");
  });

  test("a terminal that goes away leaves the session alone", async () => {
    const terminal = onTerminal("run", "--attach", "--name", "lone", "--", "sh", "-c", "echo go; sleep 1000");
    await terminal.shows("go");
    terminal.process.kill("SIGHUP");
    await terminal.exit;
    expect(await phaseOf("lone")).toBe("RUNNING");
  });
});

describe("attach", () => {
  test("the screen as it is, then all keys, and the session's own exit code", async () => {
    await world.must(
      "run",
      "--name",
      "asks",
      "--",
      "sh",
      "-c",
      "echo one; printf 'name? '; read x; echo hi $x; exit 4",
    );
    await showsOnScreen("asks", "name?");
    const terminal = attach("asks");
    await terminal.shows("name? ");
    expect(terminal.screen()).toMatch(/^\x1b\[0m\x1b\[H\x1b\[2J.*one.*name\? /s);
    terminal.process.write("you\r");
    expect(await terminal.exit).toBe(4);
    expect(terminal.screen()).toContain("hi you");
    expect((await world.overmind("attach", "asks")).stderr).toContain("asks");
    expect((await world.overmind("attach", "asks")).code).toBe(125);
  });

  test("two at different sizes: the last to type rules, and nobody's size is the settings'", async () => {
    await world.must("run", "--name", "sized", "--", ...fixture("full-screen.mjs"));
    await showsOnScreen("sized", "120x30");
    const wide = attach("sized", { columns: 101, rows: 31 });
    await wide.shows("101x31");
    const narrow = attach("sized", { columns: 71, rows: 21 });
    await until(async () => (await view("sized")).attached === 2, "two to be attached");
    wide.process.write("x");
    await hasSize("sized", 101, 31);
    narrow.process.write("x");
    await hasSize("sized", 71, 21);
    await wide.shows("71x21");
    wide.process.write("x");
    await hasSize("sized", 101, 31);
    wide.process.resize(102, 32);
    await hasSize("sized", 102, 32);
    wide.process.write(DETACH);
    expect(await wide.exit).toBe(0);
    await hasSize("sized", 71, 21);
    narrow.process.write(DETACH);
    expect(await narrow.exit).toBe(0);
    await hasSize("sized", 120, 30);
  });

  test.each([
    ["csi", "red after"],
    ["osc", "before  after"],
  ])("detached and attached again in the middle of a sequence (%s), which is then whole", async (kind, shown) => {
    const signal = join(world.root, `signal-${kind}`);
    const name = `half-${kind}`;
    await world.must("run", "--name", name, "--", ...fixture("half-sequence.mjs", kind, signal));
    await showsOnScreen(name, "before");
    const first = await tmux.overmind(["attach", name], { columns: 80, rows: 20 });
    await first.shows("before");
    await first.press("C-p", "C-q");
    expect(await first.exit()).toBe(0);
    await first.shows(`${name} goes on`);
    const second = await tmux.overmind(["attach", name], { columns: 80, rows: 20 });
    await second.shows("before");
    writeFileSync(signal, "");
    await second.shows("after");
    expect((await second.screen())[0]).toBe(kind === "csi" ? `before ${shown}` : shown);
    expect((await screenOf(name)).lines[0]).toBe((await second.screen())[0]);
    await second.press("C-p", "C-q");
    await second.exit();
  });

  test("--read-only types nothing and leaves the size alone", async () => {
    await world.must("run", "--name", "watched", "--", ...fixture("full-screen.mjs"));
    await showsOnScreen("watched", "120x30");
    const terminal = attach("watched", { columns: 81, rows: 25 }, "--read-only", "--detach-keys", "ctrl-]");
    await terminal.shows("120x30");
    terminal.process.write("q");
    terminal.process.write("\x1d");
    expect(await terminal.exit).toBe(0);
    expect(await screenOf("watched")).toMatchObject({ columns: 120, rows: 30 });
    expect(await phaseOf("watched")).toBe("RUNNING");
  });

  test("keys to detach by flag and by setting; what is none is refused", async () => {
    await world.must("run", "--name", "leaves", "--", "sh", "-c", "echo here; stty -echo raw; exec cat -v");
    await showsOnScreen("leaves", "here");
    const byFlag = attach("leaves", {}, "--detach-keys", "ctrl-a,d");
    await byFlag.shows("here");
    byFlag.process.write(`${DETACH}\x01x`);
    await byFlag.shows("^P^Q^Ax");
    byFlag.process.write("\x01d");
    expect(await byFlag.exit).toBe(0);
    await world.must("config", "set", "--user", "detachKeys", "ctrl-^");
    const bySetting = attach("leaves");
    await bySetting.shows("here");
    bySetting.process.write("\x1e");
    expect(await bySetting.exit).toBe(0);
    const refused = await world.overmind("config", "set", "--user", "detachKeys", "escape");
    expect(refused.code).toBe(2);
    await world.must("config", "set", "--user", "detachKeys", "ctrl-p,ctrl-q");
    const unknown = await world.overmind("attach", "leaves", "--detach-keys", "hyper-x");
    expect(unknown).toMatchObject({ code: 125, stderr: expect.stringContaining("ctrl-a to ctrl-z") });
  });

  test("over a supervisor that is killed: silently", async () => {
    await world.must("run", "--name", "outlives", "--", "sh", "-c", "echo up; read x; echo got $x; read y");
    await showsOnScreen("outlives", "up");
    const terminal = attach("outlives");
    await terminal.shows("up");
    await world.kill(world.supervisorPid());
    // What is typed in the very moment may have arrived or not, and is not sent again.
    await until(async () => (await view("outlives")).attached === 1, "it to be attached again");
    terminal.process.write("more\r");
    await terminal.shows("got more");
    expect(terminal.screen().match(/up/g)).toHaveLength(1);
    expect(terminal.screen()).not.toContain("overmind");
    terminal.process.write("\r");
    expect(await terminal.exit).toBe(0);
  });
});

describe("a program that asks its terminal what it is gets one answer", () => {
  const bytesIn = (file: string) => (existsSync(file) ? readFileSync(file, "latin1") : "");
  const ANSWER = /\x1b\[\?[\d;]*c/g;

  test("with nobody, one and two attached, and nothing of a replay", async () => {
    const file = join(world.root, "answers");
    await world.must("run", "--name", "curious", "--", ...fixture("asks-terminal.mjs", file));
    await until(() => ANSWER.test(bytesIn(file)), "the model's answer");
    ANSWER.lastIndex = 0;
    const one = await tmux.overmind(["attach", "curious"], { columns: 90, rows: 25 });
    await one.shows("asked 1");
    // By the time that this arrives, whatever the replay had made the terminal answer would have.
    await one.press("a");
    await until(() => bytesIn(file).endsWith("a"), "a key");
    expect(bytesIn(file).match(ANSWER)).toHaveLength(1);
    await one.press("q");
    await one.shows("asked 2");
    await one.press("b");
    await until(() => bytesIn(file).endsWith("b"), "another key");
    expect(bytesIn(file).match(ANSWER)).toHaveLength(2);
    const two = await tmux.overmind(["attach", "curious"], { columns: 100, rows: 30 });
    await two.shows("asked 2");
    await one.press("q");
    for (const pane of [one, two]) await pane.shows("asked 3");
    // Each terminal has answered before it showed what follows the query, and keys come after answers.
    await one.press("c");
    await two.press("d");
    await until(() => /c.*d|d.*c/s.test(bytesIn(file)), "keys from both");
    expect(bytesIn(file).match(ANSWER)).toHaveLength(3);
    for (const pane of [one, two]) {
      await pane.press("C-p", "C-q");
      expect(await pane.exit()).toBe(0);
    }
  });

  test("whoever started it with --attach, too", async () => {
    const file = join(world.root, "first-answer");
    const argv = ["run", "--attach", "--name", "eager", "--", ...fixture("asks-terminal.mjs", file)];
    const pane = await tmux.overmind(argv, { columns: 90, rows: 25 });
    await pane.shows("asked 1");
    await until(() => /\x1b\[\?[\d;]*c/.test(bytesIn(file)), "an answer");
    await pane.press("z");
    await until(() => bytesIn(file).endsWith("z"), "a key");
    expect(bytesIn(file).match(ANSWER)).toHaveLength(1);
    await pane.press("C-p", "C-q");
    expect(await pane.exit()).toBe(0);
  });
});

test("a program that crashes under somebody attached is healed in front of them", async () => {
  const script = [
    "if test ! -e fell; then touch fell; printf '\\033[?1049hthe first'; read x; exit 7; fi",
    "echo the second; read y; echo got $y; exit 0",
  ].join("\n");
  const flags = ["--restart", "on-failure", "--backoff", "200ms"];
  await world.must("run", "--name", "healed", ...flags, "--", "sh", "-c", script);
  await showsOnScreen("healed", "the first");
  const terminal = attach("healed");
  await terminal.shows("the first");
  terminal.process.write("fall\r");
  await terminal.shows("the second");
  expect(terminal.screen()).toMatch(
    /\x1b\[\?1049l.*-- overmind: exited with code 7; restart 1 of 5[^\n]*\r\n.*the second/s,
  );
  terminal.process.write("well\r");
  expect(await terminal.exit).toBe(0);
  expect(terminal.screen()).toContain("got well");
});

test("logs follows a living session on a terminal, shows its prompt, and Ctrl-C leaves it alone", async () => {
  await world.must("run", "--name", "prompts", "--", "sh", "-c", "printf 'name? '; read x; echo hello $x; sleep 1000");
  const terminal = onTerminal("logs", "prompts");
  await terminal.shows("name? ");
  terminal.process.write("\x03");
  expect(await terminal.exit).toBe(0);
  expect(await phaseOf("prompts")).toBe("RUNNING");
});

test("ps --watch shows a change as it happens", async () => {
  const terminal = onTerminal("ps", "--watch");
  await terminal.shows("NAME");
  await world.must("run", "--name", "newcomer", "--", "sleep", "1000");
  await terminal.shows("newcomer");
  terminal.process.write("\x03");
  expect(await terminal.exit).toBe(0);
});

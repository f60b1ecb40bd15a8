/** `run --attach` and following logs on a real terminal: what is typed, resized, interrupted and detached. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pty from "@lydell/node-pty";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SessionView } from "../schemas/session-view.ts";
import { DIST, makeWorld, until, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

interface Terminal {
  readonly screen: () => string;
  readonly process: pty.IPty;
  /** Waits until the text stands in what was shown. */
  shows(text: string): Promise<void>;
  readonly exit: Promise<number>;
}

function onTerminal(...argv: string[]): Terminal {
  const process_ = pty.spawn(process.execPath, [join(DIST, "overmind.cjs"), ...argv], {
    cols: 133,
    rows: 40,
    cwd: world.project,
    env: { ...world.environment, TERM: "xterm-256color" },
  });
  let shown = "";
  process_.onData((data) => {
    shown += data;
  });
  const exit = new Promise<number>((resolve) => process_.onExit(({ exitCode }) => resolve(exitCode)));
  return {
    screen: () => shown,
    process: process_,
    shows: (text) => until(() => shown.includes(text), `"${text}" on the terminal`),
    exit,
  };
}

const phaseOf = async (name: string) =>
  (await world.json<{ session: SessionView }>("describe", name, "--json")).session.phase;
const killSupervisor = () =>
  world.kill((JSON.parse(readFileSync(world.layout.supervisorIdentity, "utf8")) as { pid: number }).pid);

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

test("Ctrl-P Ctrl-Q detaches, puts the screen back and leaves the session alone", async () => {
  const terminal = onTerminal(
    "run",
    "--attach",
    "--name",
    "full",
    "--",
    "sh",
    "-c",
    "printf '\\033[?1049h\\033[?25lfull'; sleep 100",
  );
  await terminal.shows("full");
  terminal.process.write("\x10\x11");
  expect(await terminal.exit).toBe(0);
  expect(terminal.screen()).toContain("\x1b[?1049l\x1b[?25h");
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
  const terminal = onTerminal(
    "run",
    "--attach",
    "--",
    "sh",
    "-c",
    "for i in 1 2 3 4 5 6 7 8; do echo n$i; sleep 0.2; done; read z; echo got $z",
  );
  await terminal.shows("n2");
  await killSupervisor();
  await terminal.shows("n8");
  terminal.process.write("after\r");
  expect(await terminal.exit).toBe(0);
  expect(terminal.screen().match(/n\d/g)).toEqual(["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"]);
  expect(terminal.screen()).toContain("got after");
});

test("a terminal that goes away leaves the session alone", async () => {
  const terminal = onTerminal("run", "--attach", "--name", "lone", "--", "sh", "-c", "echo go; sleep 100");
  await terminal.shows("go");
  terminal.process.kill("SIGHUP");
  await terminal.exit;
  expect(await phaseOf("lone")).toBe("RUNNING");
});

test("logs follows a living session on a terminal, shows its prompt, and Ctrl-C leaves it alone", async () => {
  await world.must("run", "--name", "asks", "--", "sh", "-c", "printf 'name? '; read x; echo hello $x; sleep 100");
  const terminal = onTerminal("logs", "asks");
  await terminal.shows("name? ");
  terminal.process.write("\x03");
  expect(await terminal.exit).toBe(0);
  expect(await phaseOf("asks")).toBe("RUNNING");
});

test("ps --watch shows a change as it happens", async () => {
  const terminal = onTerminal("ps", "--watch");
  await terminal.shows("NAME");
  await world.must("run", "--name", "newcomer", "--", "sleep", "100");
  await terminal.shows("newcomer");
  terminal.process.write("\x03");
  expect(await terminal.exit).toBe(0);
});

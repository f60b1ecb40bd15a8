/** Full-screen programs through Overmind, beside the same programs without it, both in tmux: the screens are the same. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonOutputOf } from "../schemas/json-output.ts";
import { makeTmux, type Pane, type Tmux } from "./harness/tmux.ts";
import { makeWorld, until, type World } from "./harness/world.ts";

const SIZE = { columns: 100, rows: 30 };

let world: World;
let tmux: Tmux;
beforeAll(async () => {
  world = await makeWorld();
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index + 1} ${"äöü€ ".repeat(index % 20)}end`);
  writeFileSync(join(world.project, "poem.txt"), `${lines.join("\n")}\n`);
  await world.git("add", ".");
  await world.git("commit", "--quiet", "--message", "a poem");
  tmux = makeTmux(world);
});
afterAll(async () => {
  await tmux.close();
  await world.close();
});

const trimmed = (lines: readonly string[]) =>
  lines
    .map((line) => line.trimEnd())
    .join("\n")
    .trimEnd();
/** Empty for a session that has not started yet. */
const screenOf = async (name: string) => trimmed((await world.overmind("screen", name)).stdout.split("\n"));

/** Waits until both show the same, the text among it. */
async function showTheSame(panes: readonly [Pane, Pane], text: string): Promise<void> {
  for (const pane of panes) await pane.shows(text);
  let [one, other] = ["", "other"];
  const same = async () => {
    [one, other] = [trimmed(await panes[0].screen()), trimmed(await panes[1].screen())];
    return one === other;
  };
  // What differs is shown by the assertion.
  await until(same, "the same screen").catch(() => {});
  expect(one).toBe(other);
}

/** The same program as a session that somebody attaches to after its start, and by itself. */
async function openBoth(name: string, argv: readonly string[], ready: string): Promise<[Pane, Pane]> {
  await world.must("run", "--name", name, "--", ...argv);
  await until(async () => (await screenOf(name)).includes(ready), `${ready} on the screen of ${name}`);
  const attached = await tmux.overmind(["attach", name], SIZE);
  const direct = await tmux.open(["env", "TERM=xterm-256color", "COLORTERM=truecolor", ...argv], SIZE);
  return [attached, direct];
}

async function pressInBoth(panes: readonly [Pane, Pane], ...keys: string[]): Promise<void> {
  for (const pane of panes) await pane.press(...keys);
}

test("vim", async () => {
  const argv = ["vim", "-u", "NONE", "-i", "NONE", "-n", "-N", "-c", "set number ruler laststatus=2", "poem.txt"];
  const both = await openBoth("vim", argv, "line 1 ");
  await pressInBoth(both, "G", "o");
  for (const pane of both) await pane.type("written by hand: äöü€");
  await pressInBoth(both, "Escape");
  await showTheSame(both, "line 300 ");
  // Drawn anew at the end: how long a command is left standing depends on what came before.
  await pressInBoth(both, ":", "vsplit", "Enter", "g", "g", "C-l");
  await showTheSame(both, "written by hand: äöü€");
  expect(await screenOf("vim")).toBe(trimmed(await both[0].screen()));
  await both[0].press("C-p", "C-q");
  expect(await both[0].exit()).toBe(0);
  const again = await tmux.overmind(["attach", "vim"], SIZE);
  await showTheSame([again, both[1]], "written by hand: äöü€");
  await again.type(":qa!");
  await again.press("Enter");
  expect(await again.exit()).toBe(0);
  await both[1].type(":qa!");
  await both[1].press("Enter");
});

test("less", async () => {
  const both = await openBoth("less", ["less", "-N", "poem.txt"], "line 1 ");
  await pressInBoth(both, "Space");
  await showTheSame(both, "line 40 ");
  await pressInBoth(both, "/");
  for (const pane of both) await pane.type("line 277 ");
  await pressInBoth(both, "Enter");
  await showTheSame(both, "line 277 ");
  expect(await screenOf("less")).toBe(trimmed(await both[0].screen()));
  await pressInBoth(both, "q");
  expect(await both[0].exit()).toBe(0);
});

test("htop: the frame, for what it shows changes", async () => {
  const frame = async (pane: Pane) => {
    const lines = await pane.screen();
    return { header: lines.find((line) => /PID USER/.test(line)), keys: lines.at(-1), rows: lines.length };
  };
  const both = await openBoth("htop", ["env", `HTOPRC=${join(world.root, "htoprc")}`, "htop"], "PID USER");
  for (const pane of both) await pane.shows("F10Quit");
  await until(async () => (await frame(both[0])).header === (await frame(both[1])).header, "the same columns");
  expect(await frame(both[0])).toEqual(await frame(both[1]));
  expect((await frame(both[0])).keys).toMatch(/^F1Help .*F10Quit$/);
  await pressInBoth(both, "F10");
  expect(await both[0].exit()).toBe(0);
});

describe("of a full-screen program", () => {
  test("logs are its screen, and say so", async () => {
    await world.must("run", "--name", "reader", "--", "less", "poem.txt");
    await until(async () => (await screenOf("reader")).includes("line 1 "), "less to show its file");
    const printed = (await world.must("logs", "reader", "--no-follow")).trimEnd().split("\n");
    expect(printed[0]).toBe("line 1 end");
    expect(printed.at(-1)).toBe("-- overmind: the screen of reader, a full-screen program; --raw has its bytes");
    expect(printed.join("\n")).not.toContain("\x1b");
    expect((await world.must("logs", "reader", "--no-follow", "--grep", "^line 7 ")).split("\n")[0]).toMatch(
      /^line 7 /,
    );
    expect(await world.must("logs", "reader", "--no-follow", "--raw")).toContain("\x1b[?1049h");
    expect(await world.must("logs", "--no-follow")).toContain("reader | -- overmind: a full-screen program: overmind");
  });

  test("its screen is had as JSON, and with colours", async () => {
    const shown = await world.json<JsonOutputOf<"screen">>("screen", "reader", "--json");
    expect(shown).toMatchObject({ columns: 120, rows: 30, fullScreen: true, session: { name: "reader" } });
    expect(shown.lines[0]).toBe("line 1 end");
    expect(await world.must("screen", "reader", "--ansi")).toContain("\x1b[");
    expect((await world.overmind("screen", "reader", "--ansi", "--json")).code).toBe(2);
  });
});

test("logs of a program that prints lines are those lines, colours or not", async () => {
  const script = "for i in 1 2 3; do printf '\\033[32mline %s\\033[0m\\n' $i; done";
  await world.must("run", "--name", "lines", "--", "sh", "-c", script);
  await world.must("wait", "lines");
  const printed = (await world.must("logs", "lines")).trimEnd().split("\n");
  expect(printed.filter((line) => !line.startsWith("-- overmind: "))).toEqual(["line 1", "line 2", "line 3"]);
  expect(printed.join("\n")).not.toContain("full-screen");
});

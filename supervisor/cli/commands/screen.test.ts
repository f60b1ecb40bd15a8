import { afterEach, expect, test } from "vitest";
import { type Invocation, parseCommandLine } from "../parse.ts";
import {
  contextFor,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { screen } from "./screen.ts";

let supervisor: ScriptedSupervisor | undefined;
let context: TestContext | undefined;
afterEach(() => {
  context?.link.close();
  supervisor?.close();
});

const SHOWN = {
  session: { id: "id-otter", name: "otter" },
  attempt: 2,
  offset: 500,
  columns: 80,
  rows: 24,
  cursor: { column: 3, row: 1, visible: true },
  title: "an otter",
  alternate: true,
  fullScreen: true,
  scrollback: [],
  lines: ["first", "", "evil \x1b[31m", "", ""],
  ansi: "\x1b[31mfirst\x1b[0m",
};

async function run(...argv: string[]): Promise<string> {
  supervisor = await scriptedSupervisor({ "screen/get": () => SHOWN });
  const parsed = parseCommandLine(["screen", "otter", ...argv]);
  if (!parsed.ok || parsed.value.type !== "invocation") throw new Error("not a command line");
  context = contextFor(supervisor.endpoint);
  expect(await screen(parsed.value.invocation as Invocation<"screen">, context)).toBe(0);
  return context.printed();
}

test("the lines, down to the last that shows anything, and nothing of them reaches the terminal as a command", async () => {
  expect(await run()).toBe("first\n\nevil \\x1b[31m\n");
});

test("--ansi as it is", async () => {
  expect(await run("--ansi")).toBe(SHOWN.ansi);
});

test("--json", async () => {
  const { ansi: _, scrollback: __, offset: ___, ...promised } = SHOWN;
  expect(JSON.parse(await run("--json"))).toEqual(promised);
});

test("--json and --ansi exclude each other", async () => {
  await expect(run("--json", "--ansi")).rejects.toThrow("exclude each other");
});

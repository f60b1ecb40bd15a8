import { describe, expect, test } from "vitest";
import { COMMAND_NAMES, type CommandName, commandNamed, type Flag } from "../../schemas/commands.ts";
import { commandHelp, flagUsage, overviewHelp } from "../../schemas/text/help.ts";
import { parseCommandLine } from "./parse.ts";

function invocationOf(...argv: string[]) {
  const parsed = parseCommandLine(argv);
  if (!parsed.ok) throw new Error(`${parsed.fault.message} (${parsed.fault.hint})`);
  if (parsed.value.type !== "invocation") throw new Error(`${argv.join(" ")} is ${parsed.value.type}`);
  return parsed.value.invocation;
}
function faultOf(...argv: string[]) {
  const parsed = parseCommandLine(argv);
  if (parsed.ok) throw new Error(`${argv.join(" ")} is accepted`);
  expect(parsed.fault.code).toBe("usage");
  return parsed.fault;
}
const operandsFor = (name: CommandName) =>
  Array.from({ length: commandNamed(name).least }, (_, index) => `operand${index}`);

const everyFlag = COMMAND_NAMES.flatMap((name) =>
  Object.entries(commandNamed(name).flags).map(([long, flag]): [string, CommandName, string, Flag] => [
    `${name} --${long}`,
    name,
    long,
    flag,
  ]),
);

describe("every flag of every command", () => {
  test.each(everyFlag)("%s", (_, name, long, flag) => {
    const words = name.split(" ");
    const operands = operandsFor(name);
    const flagsOf = (...argv: string[]) =>
      invocationOf(...words, ...operands, ...argv).flags as Record<string, unknown>;
    const value = flag.value === undefined ? [] : ["a value"];
    const expected = flag.value === undefined ? true : flag.repeat === true ? ["a value"] : "a value";
    expect(flagsOf(`--${long}`, ...value)[long]).toEqual(expected);
    if (flag.short !== undefined) expect(flagsOf(`-${flag.short}`, ...value)[long]).toEqual(expected);
    if (flag.value === undefined) {
      expect(flagsOf()[long]).toBe(false);
      expect(faultOf(...words, ...operands, `--${long}=x`).message).toContain(`--${long} takes no value`);
    } else {
      expect(flagsOf()[long]).toEqual(flag.repeat === true ? [] : undefined);
      expect(flagsOf(`--${long}=-dashed`)[long]).toEqual(flag.repeat === true ? ["-dashed"] : "-dashed");
      expect(faultOf(...words, ...operands, `--${long}`).message).toContain("needs a value");
      expect(faultOf(...words, ...operands, `--${long}`, "--other").message).toContain("needs a value");
    }
  });
});

describe.each(COMMAND_NAMES)("%s", (name) => {
  test("its help names its usage, each flag and an example", () => {
    const help = commandHelp(name, { colour: false });
    for (const [long, flag] of Object.entries(commandNamed(name).flags)) {
      expect(help).toContain(flagUsage(long, flag));
      expect(help).toContain(flag.help);
    }
    expect(help).toContain(`Usage: overmind ${name}`);
    for (const [line] of commandNamed(name).examples) expect(help).toContain(line);
    expect(commandNamed(name).examples.length).toBeGreaterThan(0);
    expect(overviewHelp({ colour: false })).toContain(commandNamed(name).summary);
  });

  test("--help and -h ask for it", () => {
    for (const flag of ["--help", "-h"]) {
      expect(parseCommandLine([...name.split(" "), flag])).toEqual({ ok: true, value: { type: "help", topic: name } });
    }
  });

  test("an operand too few or too many is refused", () => {
    const { least, most } = commandNamed(name);
    if (least > 0) expect(faultOf(...name.split(" ")).message).toContain("missing");
    const oneMore = Number.isFinite(most) ? most + 1 : 3;
    const parsed = parseCommandLine([...name.split(" "), ...Array.from({ length: oneMore }, () => "x")]);
    expect(parsed.ok).toBe(!Number.isFinite(most));
  });

  test("no two flags share a letter", () => {
    const letters = Object.values(commandNamed(name).flags).flatMap((flag) => flag.short ?? []);
    expect(new Set([...letters, "h"]).size).toBe(letters.length + 1);
  });
});

test("the examples parse", () => {
  for (const name of COMMAND_NAMES) {
    for (const [line] of commandNamed(name).examples) {
      if (/['"]/.test(line)) continue;
      for (const part of line.split(/[;|&>]+/).map((text) => text.trim().split(" "))) {
        if (part[0] === "overmind") expect(parseCommandLine(part.slice(1)), line).toMatchObject({ ok: true });
      }
    }
  }
});

test("what follows -- is taken as it is, flags and all", () => {
  const { rest, operands, flags } = invocationOf("run", "--name", "x", "--", "sh", "-c", "--help", "--");
  expect({ rest, operands }).toEqual({ rest: ["sh", "-c", "--help", "--"], operands: [] });
  expect(flags).toMatchObject({ name: "x" });
});

test("flags and operands stand in any order, short flags in one word", () => {
  expect(invocationOf("logs", "-fn5", "calm-otter", "--raw")).toMatchObject({
    command: "logs",
    operands: ["calm-otter"],
    flags: { follow: true, lines: "5", raw: true, "no-follow": false },
  });
  expect(invocationOf("run", "--env", "A=1", "--env=B=2", "--", "true").flags).toMatchObject({ env: ["A=1", "B=2"] });
});

test.each<[string[], string, string]>([
  [["pss"], "no command", "overmind ps"],
  [["descrieb", "x"], "no command", "overmind describe"],
  [["frobnicate"], "no command", "overmind --help"],
  [["supervisor"], "needs one of start, stop", "--help"],
  [["supervisor", "stp"], "no command", "overmind supervisor stop"],
  [["run", "--nmae", "x"], "no flag --nmae", "--name"],
  [["ps", "-z"], "no flag -z", "overmind ps --help"],
  [["ps", "--json", "--", "x"], "nothing can follow", "usage: overmind ps"],
  [["run", "npm", "test"], "one word too many", "-- npm test"],
  [["attach", "a", "b"], "one operand too many", "usage: overmind attach"],
  [["run", "--name", "a", "--name", "b"], "given twice", "usage"],
  [["ps", "--constructor"], "no flag --constructor", "--help"],
])("%j is refused and says what to do", (argv, message, hint) => {
  const refused = faultOf(...argv);
  expect(refused.message).toContain(message);
  expect(refused.hint).toContain(hint);
});

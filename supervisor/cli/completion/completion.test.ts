/** The scripts in the shells themselves, with a stub for overmind; test/cli-live.test.ts has them with a supervisor. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMAND_NAMES, commandNamed } from "../../../schemas/commands.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

const SCRIPTS = { bash: bashCompletion(), zsh: zshCompletion(), fish: fishCompletion() };
const SHELLS = ["bash", "zsh", "fish"] as const;

/** Names that live, and with --all one that has ended. */
const STUB = `#!/bin/sh
test "$1 $2" = "__complete sessions" || { echo wrong; exit 1; }
echo calm-otter; echo calm-owl; echo red.fox
test "$3" = --all && echo calm-ended
exit 0
`;

let folder: string;
let environment: NodeJS.ProcessEnv;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "om-completion-"));
  mkdirSync(join(folder, "a folder"));
  writeFileSync(join(folder, "a file"), "");
  writeFileSync(join(folder, "overmind"), STUB);
  chmodSync(join(folder, "overmind"), 0o755);
  for (const shell of SHELLS) writeFileSync(join(folder, `script.${shell}`), SCRIPTS[shell]);
  environment = { ...process.env, HOME: folder, PATH: `${folder}${delimiter}${process.env.PATH ?? ""}` };
});
afterAll(() => rmSync(folder, { recursive: true }));

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

/** What bash has for the last of the words, taken apart as it takes a line apart. */
function inBash(...words: string[]): string[] {
  const script =
    'set -u; source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _overmind; printf "%s\\n" "$' +
    '{COMPREPLY[@]}"';
  const argv = ["--norc", "--noprofile", "-c", script, "bash", join(folder, "script.bash"), ...words];
  return sortedLines(execFileSync("bash", argv, { cwd: folder, env: environment, encoding: "utf8" }));
}

function inFish(line: string): string[] {
  const script = `source '${join(folder, "script.fish")}'; complete -C '${line}'`;
  const argv = ["--no-config", "-c", script];
  const printed = execFileSync("fish", argv, { cwd: folder, env: environment, encoding: "utf8" });
  return sortedLines(printed.replace(/\t.*$/gm, ""));
}

function sortedLines(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

const CASES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["overmind sto", ["stop"]],
  ["overmind res", ["restart", "result"]],
  ["overmind supervisor st", ["start", "status", "stop"]],
  ["overmind colony ", ["list"]],
  ["overmind config set --u", ["--user"]],
  ["overmind stop --cas", ["--cascade"]],
  ["overmind stop calm", ["calm-otter", "calm-owl"]],
  ["overmind stop calm-otter --grace 5s re", ["red.fox"]],
  ["overmind rm calm", ["calm-ended", "calm-otter", "calm-owl"]],
  ["overmind send red.fox ca", []],
  ["overmind run --parent re", ["red.fox"]],
  ["overmind run --restart ne", ["never"]],
  ["overmind top --sort mem", ["memory"]],
  ["overmind completion ", ["bash", "fish", "zsh"]],
  ["overmind help pru", ["prune"]],
  ["overmind nonsense x", []],
];

describe("bash", () => {
  test.each(CASES)("%s", (line, offered) => expect(inBash(...line.split(" "))).toEqual(offered));

  test("a flag's value behind =, as one word and taken apart", () => {
    expect(inBash("overmind", "top", "--sort", "=", "mem")).toEqual(["memory"]);
    expect(inBash("overmind", "top", "--sort", "=")).toHaveLength(6);
    expect(inBash("overmind", "top", "--sort=mem")).toEqual(["--sort=memory"]);
  });

  test("files, folders, and what may follow --", () => {
    expect(inBash("overmind", "run", "--project", "a")).toEqual(["a folder"]);
    expect(inBash("overmind", "run", "--env-file", "a")).toEqual(["a file", "a folder"]);
    expect(inBash("overmind", "run", "--", "overm")).toContain("overmind");
    expect(inBash("overmind", "run", "--", "cat", "a f")).toEqual(["a file", "a folder"]);
    expect(inBash("overmind", "stop", "--", "ca")).toEqual([]);
  });

  test("no supervisor, no overmind: nothing, and without a word", () => {
    const script = `source "$1"; COMP_WORDS=(/nowhere/overmind stop ''); COMP_CWORD=2; _overmind; echo "\${#COMPREPLY[@]}"`;
    const ran = spawnSync("bash", ["--norc", "-c", script, "bash", join(folder, "script.bash")], { encoding: "utf8" });
    expect([ran.stdout, ran.stderr]).toEqual(["0\n", ""]);
  });
});

describe("fish", () => {
  if (!isInstalled("fish")) {
    // It is not on this machine: all that can be said of its script is in the tests of all shells below.
    test("is not installed here", () => expect(SCRIPTS.fish).toContain("complete -c overmind -f\n"));
    return;
  }
  test.each(CASES)("%s", (line, offered) => expect(inFish(line)).toEqual(offered));
});

describe.each(SHELLS)("the script for %s", (shell) => {
  test("is well-formed, as the shell itself says where it is installed", () => {
    if (!isInstalled(shell)) return expect(hasClosedQuotes(SCRIPTS[shell])).toBe(true);
    const argv = ["-n", join(folder, `script.${shell}`)];
    const ran = spawnSync(shell, argv, { encoding: "utf8" });
    return expect([ran.status, ran.stderr]).toEqual([0, ""]);
  });

  test("names every command and flag of the table", () => {
    for (const name of COMMAND_NAMES) {
      expect(SCRIPTS[shell]).toContain(name);
      for (const long of Object.keys(commandNamed(name).flags)) {
        expect(SCRIPTS[shell]).toContain(shell === "fish" ? `-l ${long}` : `--${long}`);
      }
    }
  });
});

/** Outside comments every single quote has its partner. */
function hasClosedQuotes(script: string): boolean {
  const code = script.replace(/^\s*#.*$/gm, "").replaceAll("\\'", "");
  return code.split("'").length % 2 === 1;
}

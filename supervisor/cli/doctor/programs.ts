/** Doctor: the programs that Overmind stands on. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import type { DoctorCheck } from "../../../schemas/json-output.ts";
import { isOurs } from "../is-ours.ts";
import { broken, fine, messageOf, odd } from "./check.ts";

const OLDEST_NODE = [20, 19] as const;
/** The first whose `worktree` has all that is used, with `worktree repair` and `init --initial-branch` close by. */
const OLDEST_GIT = [2, 25] as const;
/** A program that says its version takes longer only when the machine is in trouble. */
const VERSION_LIMIT_MS = 5000;
const LOAD_LIMIT_MS = 20_000;

export function checkNode(version: string): DoctorCheck {
  const advice = `install Node ${OLDEST_NODE.join(".")} or newer`;
  return isAtLeast(version, OLDEST_NODE)
    ? fine("node", `Node ${version}`)
    : broken("node", `Node ${version} is too old`, advice);
}

export function checkGit(): DoctorCheck {
  const advice = `install git ${OLDEST_GIT.join(".")} or newer: every session works in a git worktree`;
  const ran = spawnSync("git", ["--version"], { encoding: "utf8", timeout: VERSION_LIMIT_MS });
  if (ran.error !== undefined) return broken("git", `git cannot be run: ${ran.error.message}`, advice);
  const version = /\d+\.\d+(\.\d+)?/.exec(ran.stdout)?.[0];
  if (version === undefined) return odd("git", `git says no version: ${ran.stdout.trim()}`, advice);
  return isAtLeast(version, OLDEST_GIT)
    ? fine("git", `git ${version}`)
    : broken("git", `git ${version} is too old`, advice);
}

/** "v20.19.1" or "2.43.0.windows.1" against the oldest that will do. */
export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ours = 0, theirMinor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return ours > major || (ours === major && theirMinor >= minor);
}

/** Each is loaded in a process of its own: a binary for another system could take this one with it. */
export function checkNativeModules(folder: string): DoctorCheck[] {
  const advice =
    "install Overmind again, with install scripts allowed for better-sqlite3 (it may need a C++ toolchain)";
  return NATIVE_MODULES.map(({ name, locate }) => {
    let path: string;
    try {
      path = locate(folder);
    } catch (error) {
      return broken(name, `${name} is not installed: ${messageOf(error)}`, advice);
    }
    const code = "process.dlopen({ exports: {} }, process.argv[1])";
    const ran = spawnSync(process.execPath, ["-e", code, path], { encoding: "utf8", timeout: LOAD_LIMIT_MS });
    if (ran.status === 0) return fine(name, `${name} loads`);
    const reason = /Error: (.*)/.exec(ran.stderr)?.[1] ?? ran.error?.message ?? `exit ${ran.status ?? ran.signal}`;
    return broken(name, `${name} does not load: ${reason}`, advice);
  });
}

const NATIVE_MODULES: readonly { readonly name: string; readonly locate: (folder: string) => string }[] = [
  {
    name: "better-sqlite3",
    locate: (folder) => nativeFile(folder, "better_sqlite3.node", "better-sqlite3/build/Release/better_sqlite3.node"),
  },
  { name: "node-pty", locate: terminalFile },
];

function terminalFile(folder: string): string {
  const name = process.platform === "win32" ? "conpty.node" : "pty.node";
  const beside = join(folder, "native", name);
  if (existsSync(beside)) return beside;
  const platform = `${process.platform}-${process.arch}`;
  const { resolve } = createRequire(createRequire(join(realpathSync(folder), "cli.cjs")).resolve("@lydell/node-pty"));
  return join(dirname(resolve(`@lydell/node-pty-${platform}`)), "../prebuilds", platform, name);
}

/** As the bundles find it: beside them in a version copy, else in node_modules (scripts/native-modules.mjs). */
function nativeFile(folder: string, name: string, packaged: string): string {
  const beside = join(folder, "native", name);
  if (existsSync(beside)) return beside;
  return createRequire(join(realpathSync(folder), "cli.cjs")).resolve(packaged);
}

/** Another well-known program has the same name; whichever PATH finds first is what `overmind` means. */
export function checkOtherOvermind(path: string): DoctorCheck {
  const name = process.platform === "win32" ? "overmind.cmd" : "overmind";
  const found = path
    .split(delimiter)
    .filter((one) => one !== "")
    .map((one) => join(one, name))
    .find(isProgram);
  if (found === undefined)
    return odd("path", "PATH finds no overmind", "npm install -g overmind, or call it by its path");
  if (isOurs(found)) return fine("path", `PATH finds ${found}`);
  return odd(
    "path",
    `PATH finds another program called overmind first: ${found}`,
    "put the folder of this one before it in PATH (inside sessions ours always comes first)",
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // Nothing of that name, or nothing that may be run.
  }
}

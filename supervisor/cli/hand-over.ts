/**
 * `overmind start|s|connect|echo|quit` are commands of another well-known program of the same name (a process manager
 * that many `bin/dev` scripts call). Ours stands first in a session's PATH, so it hands these over to the next one.
 */
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isatty } from "node:tty";
import { isOurs } from "./is-ours.ts";

const NO_SUCH_PROGRAM = 127;
/**
 * Counts how often a command was handed over: a shim that leads back to us under a name that we do not recognise must
 * not start us for ever. More than one is no fault: the other program may run `bin/dev` scripts of its own.
 */
const HANDOVERS = "OVERMIND_HANDOVERS";
const MOST_HANDOVERS = 8;
/** A terminal sends them to all processes in front by itself. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT"];
const FORWARDED: readonly NodeJS.Signals[] = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];

/** Runs the other program in our place; this process then ends as it ended. */
export function handOver(argv: readonly string[]): void {
  const handovers = Number(process.env[HANDOVERS] ?? "0");
  const program = handovers < MOST_HANDOVERS ? nextInPath(process.env.PATH ?? "") : undefined;
  if (program === undefined) {
    fail(`overmind ${argv[0]} is another program's command, and no other overmind is in PATH (ours: overmind --help)`);
  }
  const environment = { ...process.env, [HANDOVERS]: String(handovers + 1) };
  // Before it starts: a signal that finds no listener would end us and leave it alone.
  for (const signal of FORWARDED) process.on(signal, () => void child.kill(signal));
  for (const signal of FROM_TERMINAL) process.on(signal, () => void (isatty(0) || child.kill(signal)));
  const child = spawn(program, argv, { stdio: "inherit", env: environment });
  child.on("error", (error) => fail(`cannot run ${program}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const own of [...FORWARDED, ...FROM_TERMINAL]) process.removeAllListeners(own);
    process.kill(process.pid, signal);
  });
}

function nextInPath(path: string): string | undefined {
  const name = process.platform === "win32" ? "overmind.exe" : "overmind";
  return path
    .split(delimiter)
    .map((folder) => join(folder === "" ? "." : folder, name))
    .find((candidate) => isProgram(candidate) && !isOurs(candidate));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // Nothing of that name, or nothing that we may run.
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(NO_SUCH_PROGRAM);
}

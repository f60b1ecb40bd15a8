/**
 * A world of its own for a whole-process test: a home, a git repository and the built CLI. `close` ends what is left,
 * and fails the test when a process, socket, folder or worktree stays behind.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type HomeLayout, homeLayout } from "../../schemas/home.ts";

export const REPOSITORY = resolve(import.meta.dirname, "../..");
export const DIST = join(REPOSITORY, "dist");
export const FIXTURES = join(REPOSITORY, "test/fixtures");

/** A command that has not ended by then hangs: everything here ends in seconds. */
const COMMAND_LIMIT_MS = 90_000;
/** How long `close` waits for processes that have been asked to end. */
const CLOSE_LIMIT_MS = 20_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface World {
  readonly root: string;
  readonly home: string;
  /** A git repository with one commit. */
  readonly project: string;
  readonly layout: HomeLayout;
  readonly environment: NodeJS.ProcessEnv;
  /** Runs `overmind ARGV...` in the project. Never throws for an exit code. */
  overmind(...argv: string[]): Promise<Ran>;
  /** The same, and fails with its output when the exit code is not 0. */
  must(...argv: string[]): Promise<string>;
  json<T>(...argv: string[]): Promise<T>;
  supervisorPid(): number;
  hostPid(): number;
  /** SIGKILL, and waits until the process is gone. */
  kill(pid: number): Promise<void>;
  git(...argv: string[]): Promise<string>;
  close(): Promise<void>;
}

export async function makeWorld(options: { readonly environment?: NodeJS.ProcessEnv } = {}): Promise<World> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "om-")));
  const home = join(root, "home");
  const project = join(root, "project");
  const environment: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1", ...options.environment, OVERMIND_HOME: home };
  for (const name of [
    "OVERMIND_ENDPOINT",
    "OVERMIND_TOKEN",
    "OVERMIND_SESSION_ID",
    "OVERMIND_SESSION_NAME",
    "NODE_EXTRA_CA_CERTS",
  ]) {
    delete environment[name];
  }
  const layout = homeLayout(home, { platform: process.platform, userId: process.getuid?.() ?? 0 });
  await run("git", ["init", "--quiet", "--initial-branch", "main", project], root, environment);
  const git = async (...argv: string[]) =>
    mustRun("git", ["-c", "user.name=Test", "-c", "user.email=test@example.com", ...argv], project, environment);
  writeFileSync(join(project, "README.md"), "a project\n");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "first");
  const overmind = (...argv: string[]) =>
    run(process.execPath, [join(DIST, "overmind.cjs"), ...argv], project, environment);
  const must = async (...argv: string[]) =>
    mustRun(process.execPath, [join(DIST, "overmind.cjs"), ...argv], project, environment);
  return {
    root,
    home,
    project,
    layout,
    environment,
    overmind,
    must,
    json: async <T>(...argv: string[]) => JSON.parse(await must(...argv)) as T,
    supervisorPid: () => identity(layout.supervisorIdentity),
    hostPid: () => identity(layout.hostIdentity),
    async kill(pid) {
      process.kill(pid, "SIGKILL");
      await until(() => !isAlive(pid), `process ${pid} to be gone`);
    },
    git,
    async close() {
      await overmind("kill", "--all");
      await overmind("supervisor", "stop", "--sessions");
      const left = await leftover(layout, root);
      rmSync(root, { recursive: true, force: true });
      if (left !== "") throw new Error(`left behind: ${left}`);
    },
  };
}

function identity(path: string): number {
  return (JSON.parse(readFileSync(path, "utf8")) as { pid: number }).pid;
}

export function run(
  program: string,
  argv: readonly string[],
  cwd: string,
  environment: NodeJS.ProcessEnv,
  limitMs = COMMAND_LIMIT_MS,
): Promise<Ran> {
  return new Promise((resolveRan, reject) => {
    execFile(
      program,
      argv,
      { cwd, env: environment, timeout: limitMs, killSignal: "SIGKILL", maxBuffer: 1 << 30 },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== "number") {
          reject(new Error(`${program} ${argv.join(" ")}: ${error.signal ?? error.message}\n${stdout}\n${stderr}`));
          return;
        }
        resolveRan({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

async function mustRun(
  program: string,
  argv: readonly string[],
  cwd: string,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const ran = await run(program, argv, cwd, environment);
  if (ran.code !== 0)
    throw new Error(`${program} ${argv.join(" ")} ended with ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
  return ran.stdout;
}

/** Alive and no zombie: a zombie only waits for its parent to look. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false; // No such process.
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return !existsSync("/proc/self"); // Gone between the two looks, or a system without /proc.
  }
}

/** Waits for a condition of the world outside, which sends no signal, within a bound that only a defect reaches. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** Processes that name this world in their command line or environment, and its sockets. */
async function leftover(layout: HomeLayout, root: string): Promise<string> {
  let left = processesNaming(root);
  const deadline = Date.now() + CLOSE_LIMIT_MS;
  while (left.length > 0 && Date.now() < deadline) {
    await new Promise((wake) => setTimeout(wake, 50));
    left = processesNaming(root);
  }
  for (const one of left) {
    try {
      process.kill(one.pid, "SIGKILL");
    } catch {
      // It ended in the meantime.
    }
  }
  const sockets = [layout.mainEndpoint, layout.sessionEndpoint, layout.hostEndpoint].filter((path) => existsSync(path));
  if (!layout.socketFolder.startsWith(root)) rmSync(layout.socketFolder, { recursive: true, force: true });
  return [...left.map((one) => `process ${one.pid} ${one.command}`), ...sockets.map((path) => `socket ${path}`)].join(
    "; ",
  );
}

export function processesNaming(text: string): { readonly pid: number; readonly command: string }[] {
  if (!existsSync("/proc/self")) return [];
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || !isAlive(pid)) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      return command.includes(text) || environment.includes(text) ? [{ pid, command }] : [];
    } catch {
      return []; // It ended while we looked, or it is not ours to look at.
    }
  });
}

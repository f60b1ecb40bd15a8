/**
 * Runs git. Plumbing only, its output in the C locale, no hooks, no prompts, no background helpers: the supervisor has
 * no terminal, and what a repository's own configuration would run in it was written for a person's shell.
 *
 * Not through simple-git: it refuses a temporary index and `-c` in several guards of its own, and tells no exit codes.
 */
import { execFile } from "node:child_process";
import { devNull } from "node:os";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";

/** Longer than the checkout of any honest repository on a slow disk; only a hang is ended by it. */
const GIT_LIMIT_MS = 30 * 60_000;
/** A status of some hundred thousand files. */
const MAX_OUTPUT_BYTES = 256 << 20;
/** Another git that holds a lock is done in milliseconds; together these are about three seconds. */
const LOCK_RETRY_DELAYS_MS = [20, 50, 100, 200, 400, 800, 1600];
const LOCKED = /\.lock'?: File exists|Unable to create '[^']*\.lock'|could not lock|cannot lock ref|unable to lock/i;
/** GIT_ variables that say how, not where. All others could lead git to another place than the one we name. */
const KEPT = new Set(["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"]);
const ALWAYS = ["-c", `core.hooksPath=${devNull}`, "-c", "core.quotePath=false", "-c", "core.fsmonitor=false"];
/** Whose commits those are that save or carry work: nobody's in particular, so that no address is needed or leaked. */
export const OUR_IDENTITY = ["-c", "user.name=Overmind", "-c", "user.email=overmind@localhost"];

export interface GitOptions {
  readonly environment?: Readonly<Record<string, string>>;
}

/** Exit code and text of a git that failed, in the `data` of its Fault. */
export interface GitFailure {
  readonly exitCode: number | null;
  readonly stderr: string;
}

export class Git {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #umask: number | undefined;
  readonly #queues = new Map<string, Promise<unknown>>();

  /** `umask`: what the files of a worktree get; the process's own when it is undefined. */
  constructor(environment: NodeJS.ProcessEnv, umask: number | undefined) {
    const kept = Object.entries(environment).filter(([name]) => !name.startsWith("GIT_") || KEPT.has(name));
    this.#environment = {
      ...Object.fromEntries(kept),
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      // Looking at a person's checkout never takes its locks: a commit of theirs would fail.
      GIT_OPTIONAL_LOCKS: "0",
    };
    this.#umask = umask;
  }

  /** What git printed. A `git-failed` Fault carries a GitFailure. */
  async run(folder: string, argv: readonly string[], options: GitOptions = {}): Promise<Result<string>> {
    for (const delayMs of LOCK_RETRY_DELAYS_MS) {
      const ran = await this.#once(folder, argv, options);
      if (ran.ok || !LOCKED.test(gitFailure(ran.fault).stderr)) return ran;
      await new Promise((wake) => setTimeout(wake, delayMs));
    }
    return this.#once(folder, argv, options);
  }

  /** The same without the line feed behind the last line. */
  async line(folder: string, argv: readonly string[], options: GitOptions = {}): Promise<Result<string>> {
    const ran = await this.run(folder, argv, options);
    return ran.ok ? ok(ran.value.replace(/\n$/, "")) : ran;
  }

  /** Whether git exits with 0. For questions whose only answers are yes and no. */
  async asks(folder: string, argv: readonly string[]): Promise<boolean> {
    return (await this.run(folder, argv)).ok;
  }

  /** One at a time for each repository: of many `git worktree add` at once, some fail. */
  serialised<T>(gitDirectory: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(gitDirectory) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(gitDirectory, settled);
    void settled.then(() => {
      if (this.#queues.get(gitDirectory) === settled) this.#queues.delete(gitDirectory);
    });
    return mine;
  }

  #once(folder: string, argv: readonly string[], options: GitOptions): Promise<Result<string>> {
    const env = { ...this.#environment, ...options.environment };
    const settings = {
      cwd: folder,
      env,
      encoding: "utf8",
      maxBuffer: MAX_OUTPUT_BYTES,
      timeout: GIT_LIMIT_MS,
    } as const;
    return new Promise((resolve) => {
      withUmask(this.#umask, () =>
        execFile("git", [...ALWAYS, ...argv], settings, (error, stdout, stderr) => {
          if (error === null) resolve(ok(stdout));
          else resolve(failed(faultOfGit(folder, argv, error, stderr)));
        }),
      );
    });
  }
}

/** Starts a child with a umask that is not ours. Starting is synchronous, so that nothing of ours is made under it. */
export function withUmask<T>(umask: number | undefined, start: () => T): T {
  if (umask === undefined) return start();
  const before = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}

export function gitFailure(value: Fault): GitFailure {
  const { exitCode = null, stderr = "" } = (value.data ?? {}) as Partial<GitFailure>;
  return { exitCode, stderr };
}

function faultOfGit(
  folder: string,
  argv: readonly string[],
  error: Error & { readonly code?: number | string | null | undefined },
  stderr: string,
): Fault {
  if (error.code === "ENOENT") {
    // Node says the same of a program and of a working folder that is missing.
    return fault("git-failed", `git could not be run in ${folder}: there is no such folder, or no git in PATH`, {
      hint: "check the folder; `overmind doctor` looks for git",
    });
  }
  const lines = stderr.trim().split("\n");
  const said = lines.find((line) => /^(fatal|error):/.test(line)) ?? lines.at(-1);
  const what = argv
    .filter((word) => !word.startsWith("-"))
    .slice(0, 2)
    .join(" ");
  const data: GitFailure = {
    exitCode: typeof error.code === "number" ? error.code : null,
    stderr: stderr.slice(-4000),
  };
  return fault("git-failed", `git ${what}: ${said === undefined || said === "" ? error.message : said}`, {
    retryable: LOCKED.test(stderr),
    data: { ...data },
  });
}

/** A real git project in a folder of its own, for tests of what Overmind does to one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Log } from "../ports/clock.ts";
import { Git } from "./git.ts";
import { GitWorkspaces } from "./workspaces.ts";

export const SILENT_LOG: Log = { info: () => {}, warn: () => {}, error: () => {} };

export interface Project {
  /** Temporary, with characters that paths may hold. */
  readonly root: string;
  readonly folder: string;
  readonly scratch: string;
  readonly trash: string;
  readonly environment: NodeJS.ProcessEnv;
  git(...argv: string[]): string;
  gitIn(folder: string, ...argv: string[]): string;
  write(path: string, text: string): void;
  commit(message: string): string;
  /** A new one each time: what a restarted supervisor has. */
  workspaces(): GitWorkspaces;
  close(): void;
}

export function makeProject(options: { readonly commit: boolean } = { commit: true }): Project {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "om wörk-")));
  const folder = join(root, "prøject x");
  // The developer's own configuration, and a repository that this test itself may run in, are kept away.
  const environment: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: root, GIT_CONFIG_NOSYSTEM: "1" };
  const gitIn = (cwd: string, ...argv: string[]) =>
    execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@example.com", ...argv], {
      cwd,
      env: environment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trimEnd();
  const git = (...argv: string[]) => gitIn(folder, ...argv);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const commit = (message: string) => {
    git("add", "--all");
    git("commit", "--quiet", "--message", message);
    return git("rev-parse", "HEAD");
  };
  gitIn(root, "init", "--quiet", "--initial-branch", "main", folder);
  if (options.commit) {
    write("README.md", "a project\n");
    write("src/app.ts", "one\n");
    commit("first");
  }
  const scratch = join(root, "home", "scratch");
  const trash = join(root, "home", "trash");
  mkdirSync(dirname(scratch));
  return {
    root,
    folder,
    scratch,
    trash,
    environment,
    git,
    gitIn,
    write,
    commit,
    workspaces: () => new GitWorkspaces({ git: new Git(environment, undefined), scratch, trash, log: SILENT_LOG }),
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}

/**
 * Makes the worktree that a record describes, or goes on where a crash left it. The mark of its owner is written before
 * the first file, so that whatever is found half made is known to be ours, and what is not ours is left alone.
 */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import { type Git, OUR_IDENTITY } from "./git.ts";
import { excludeOvermindFolder } from "./repository.ts";
import {
  branchOfMainCheckout,
  type RegisteredWorktree,
  registeredWorktrees,
  registrationOf,
  writeMark,
} from "./worktree-registry.ts";

/** Measured: a third faster than one, on two cores. */
const CHECKOUT_WORKERS = 4;

export function carryReference(sessionId: string): string {
  return `refs/overmind/carry/${sessionId}`;
}

/** Called for one repository at a time. */
export async function prepareWorktree(
  git: Git,
  sessionId: string,
  workspace: WorkspaceRecord,
): Promise<Result<WorkspaceRecord>> {
  await excludeOvermindFolder(workspace.gitDirectory);
  const kept = await keepChanges(git, sessionId, workspace);
  if (!kept.ok) return kept;
  const found = await findOrRegister(git, sessionId, workspace);
  if (!found.ok) return found;
  const { registration, mark } = found.value;
  if (mark?.ready !== true) {
    const filled = await fill(git, workspace);
    if (!filled.ok) return filled;
    await writeMark(registration, { sessionId, ready: true });
  }
  return ok({ ...workspace, cwd: await cwdOf(workspace), made: true });
}

/** The trees are in no commit of a branch: without a reference git would collect them one day. */
async function keepChanges(git: Git, sessionId: string, workspace: WorkspaceRecord): Promise<Result<unknown>> {
  const { changes, gitDirectory, base } = workspace;
  if (changes === undefined) return ok(undefined);
  const commit = (tree: string, parent: string) =>
    git.line(gitDirectory, [
      ...OUR_IDENTITY,
      "commit-tree",
      tree,
      "-p",
      parent,
      "-m",
      `carried into session ${sessionId}`,
    ]);
  const staged = await commit(changes.staged, base);
  if (!staged.ok) return staged;
  const whole = await commit(changes.whole, staged.value);
  if (!whole.ok) return whole;
  return git.run(gitDirectory, ["update-ref", carryReference(sessionId), whole.value]);
}

async function findOrRegister(
  git: Git,
  sessionId: string,
  workspace: WorkspaceRecord,
): Promise<Result<RegisteredWorktree>> {
  const registered = await registeredWorktrees(workspace.gitDirectory);
  const known =
    registered.find(({ mark }) => mark?.sessionId === sessionId) ??
    registered.find(({ path, mark }) => path === workspace.path && mark === undefined);
  if (known !== undefined && (await exists(join(known.path, ".git")))) return adopt(sessionId, workspace, known);
  if (known !== undefined) {
    // Registered, and its folder is gone: nobody has worked in it, for it was never said to be made.
    if (!isOurs(known, sessionId, workspace)) return failed(isTaken(workspace.path));
    await rm(known.registration, { recursive: true, force: true });
  }
  const cleared = await clearPlace(workspace.path);
  if (!cleared) return failed(isTaken(workspace.path));
  const added = await register(git, workspace, registered);
  if (!added.ok) return added;
  const made = await registrationOf(workspace.path);
  if (made === undefined) return failed(fault("git-failed", `git made no worktree at ${workspace.path}`));
  await writeMark(made.registration, { sessionId, ready: false });
  return ok(made);
}

/** Ours by its mark, or made by us a moment before a crash: registered with our branch, and still without a file. */
async function adopt(
  sessionId: string,
  workspace: WorkspaceRecord,
  known: RegisteredWorktree,
): Promise<Result<RegisteredWorktree>> {
  if (known.mark !== undefined) return ok(known);
  if (!(await isHalfMade(known, workspace))) return failed(isTaken(workspace.path));
  await writeMark(known.registration, { sessionId, ready: false });
  return ok(known);
}

/** Registered by us, as the plan says, and cut short by a crash before it was marked: there is no file in it yet. */
export async function isHalfMade(known: RegisteredWorktree, { path, branch, made }: WorkspaceRecord): Promise<boolean> {
  if (made || known.mark !== undefined || known.path !== path || known.branch !== `refs/heads/${branch}`) return false;
  return !(await exists(path)) || (await holdsNothing(path));
}

function isOurs({ mark, branch }: RegisteredWorktree, sessionId: string, workspace: WorkspaceRecord): boolean {
  return mark === undefined ? branch === `refs/heads/${workspace.branch}` : mark.sessionId === sessionId;
}

async function register(
  git: Git,
  { gitDirectory, path, branch, base }: WorkspaceRecord,
  registered: readonly RegisteredWorktree[],
): Promise<Result<unknown>> {
  const reference = `refs/heads/${branch}`;
  const tip = await git.line(gitDirectory, ["rev-parse", "--verify", "--quiet", `${reference}^{commit}`]);
  if (!tip.ok) return git.run(gitDirectory, ["worktree", "add", "--no-checkout", "-b", branch, path, base]);
  // Made before a crash, or by somebody since the plan: at our base and used by nobody, it is as good as new.
  const usedBy = registered.find((one) => one.branch === reference && one.path !== path);
  if (tip.value !== base || usedBy !== undefined || (await branchOfMainCheckout(gitDirectory)) === reference) {
    return failed(
      fault("conflict", `the branch ${branch} has been made by somebody else meanwhile`, {
        hint: "run the session again: it gets another branch",
      }),
    );
  }
  return git.run(gitDirectory, ["worktree", "add", "--no-checkout", path, branch]);
}

/** Files and index: of the base, or of the checkout's whole and staged state. Repeated without harm. */
async function fill(git: Git, { path, changes }: WorkspaceRecord): Promise<Result<unknown>> {
  const workers = ["-c", `checkout.workers=${CHECKOUT_WORKERS}`];
  const readTree = [...workers, "read-tree", "--no-recurse-submodules"];
  if (changes === undefined) return git.run(path, [...readTree, "-u", "--reset", "HEAD"]);
  const whole = await git.run(path, [...readTree, "-u", "--reset", changes.whole]);
  if (!whole.ok) return whole;
  const staged = await git.run(path, ["read-tree", "--no-recurse-submodules", changes.staged]);
  if (!staged.ok) return staged;
  // Exits with 1 when files differ from the index, which is what is wanted here.
  await git.run(path, ["update-index", "-q", "--refresh"]);
  return ok(undefined);
}

async function cwdOf({ path, cwd }: WorkspaceRecord): Promise<string> {
  const isInside = !relative(path, cwd).startsWith("..");
  return isInside && (await stat(cwd).catch(() => undefined))?.isDirectory() === true ? cwd : path;
}

/** Makes room where a crash left an empty folder, or one with nothing but git's own link. False: there is more in it. */
async function clearPlace(path: string): Promise<boolean> {
  if (!(await exists(path))) return true;
  if (!(await holdsNothing(path))) return false;
  await rm(path, { recursive: true });
  return true;
}

async function holdsNothing(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => ["not a folder"]);
  if (names.some((name) => name !== ".git")) return false;
  if (names.length === 0) return true;
  const link = await readFile(join(path, ".git"), "utf8").catch(() => "");
  return link.startsWith("gitdir: ") && resolve(path, link.slice("gitdir: ".length).trim()) !== path;
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

function isTaken(path: string): Fault {
  return fault("conflict", `${path} holds something that Overmind did not put there`, {
    hint: "move it away, and run the session again",
  });
}

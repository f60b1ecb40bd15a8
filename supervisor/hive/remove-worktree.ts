/**
 * Takes a session's worktree away: work is saved or the removal refused, the folder moved aside, the registration and
 * then the branch removed. Each step finds what the one before has done, so that it may be repeated after a crash at
 * any of them; and each looks for our mark first.
 */
import { readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import type { Git } from "./git.ts";
import { carryReference, exists, isHalfMade } from "./prepare-worktree.ts";
import { asideFolder } from "./repository.ts";
import { trashReference } from "./save-work.ts";
import { branchOfMainCheckout, type RegisteredWorktree, registeredWorktrees } from "./worktree-registry.ts";
import { hasReference, saveWorktree, tipOf, unsavedIn } from "./worktree-work.ts";

export interface Removal {
  readonly savedAs?: string;
}

export interface RemovalOptions {
  readonly force: boolean;
  /** Where repositories inside the worktree are saved. */
  readonly trash: string;
  /** Deletes a folder when there is time. */
  readonly deleteLater: (folder: string) => void;
}

export async function unsavedInWorktree(git: Git, workspace: WorkspaceRecord): Promise<Result<readonly string[]>> {
  const registered = await registeredWorktrees(workspace.gitDirectory);
  const mine = registered.find(({ path, mark }) => path === workspace.path && mark !== undefined);
  return mine === undefined ? ok([]) : unsavedIn(git, workspace, mine);
}

/** Called for one repository at a time. */
export async function removeWorktree(
  git: Git,
  sessionId: string,
  workspace: WorkspaceRecord,
  options: RemovalOptions,
): Promise<Result<Removal>> {
  const { gitDirectory } = workspace;
  if (!(await exists(gitDirectory))) return ok({}); // The repository has been deleted, and all that was ours in it.
  const aside = asideFolder(workspace.path, sessionId);
  const mine = await findOurs(sessionId, workspace);
  let savedAs: string | undefined;
  if (mine !== undefined) {
    const work = await unsavedIn(git, workspace, mine);
    if (!work.ok) return work;
    if (work.value.length > 0 && !options.force) return failed(wouldBeLost(mine.path, work.value));
    if (work.value.length > 0) {
      const saved = await saveWorktree(git, sessionId, workspace, mine, options.trash);
      if (!saved.ok) return saved;
      savedAs = saved.value;
    }
    await takeAway(mine, aside);
  }
  if (savedAs === undefined && (await hasReference(git, gitDirectory, trashReference(sessionId)))) {
    savedAs = trashReference(sessionId); // By a removal that was cut short.
  }
  const cleared = await clearReferences(git, sessionId, workspace, mine !== undefined);
  if (!cleared.ok) return cleared;
  await tidy(workspace.path);
  if (await exists(aside)) options.deleteLater(aside);
  return ok(savedAs === undefined ? {} : { savedAs });
}

/** Worktrees that were moved aside and whose deletion a crash has cut short. */
export async function foldersAside(workspace: WorkspaceRecord): Promise<string[]> {
  const folder = dirname(dirname(workspace.path));
  const names = await readdir(folder).catch(() => []); // No session of this project has a worktree.
  return names.filter((name) => /^trash-[a-z][a-z2-7]{11}$/.test(name)).map((name) => join(folder, name));
}

async function findOurs(sessionId: string, workspace: WorkspaceRecord): Promise<RegisteredWorktree | undefined> {
  const registered = await registeredWorktrees(workspace.gitDirectory);
  const marked = registered.find(({ mark }) => mark?.sessionId === sessionId);
  if (marked !== undefined) return marked;
  for (const one of registered) if (await isHalfMade(one, workspace)) return one;
  return undefined;
}

/** A rename first: it cannot stop half-way, and creating files is slow on a disk that has just deleted many. */
async function takeAway(mine: RegisteredWorktree, aside: string): Promise<void> {
  if (await exists(mine.path)) {
    await rm(aside, { recursive: true, force: true });
    await rename(mine.path, aside);
  }
  await rm(mine.registration, { recursive: true, force: true });
}

/** The branch goes when what it holds is held by others or saved; the carried trees are in the worktree or saved. */
async function clearReferences(
  git: Git,
  sessionId: string,
  workspace: WorkspaceRecord,
  wasRegistered: boolean,
): Promise<Result<unknown>> {
  const { gitDirectory, branch, base } = workspace;
  const carried = carryReference(sessionId);
  if (await hasReference(git, gitDirectory, carried)) {
    const dropped = await git.run(gitDirectory, ["update-ref", "-d", carried]);
    if (!dropped.ok) return dropped;
  }
  const tip = await git.line(gitDirectory, tipOf(branch));
  if (!tip.ok) return ok(undefined);
  const isOurs = workspace.made || wasRegistered || tip.value === base;
  const reference = `refs/heads/${branch}`;
  const isUsed =
    (await registeredWorktrees(gitDirectory)).some((one) => one.branch === reference) ||
    (await branchOfMainCheckout(gitDirectory)) === reference;
  if (!isOurs || isUsed) return ok(undefined);
  const saved = (await hasReference(git, gitDirectory, trashReference(sessionId))) ? [trashReference(sessionId)] : [];
  const elsewhere = ["--not", base, ...saved, `--exclude=${branch}`, "--branches", "--remotes", "--tags"];
  const alone = await git.line(gitDirectory, ["rev-list", "--max-count=1", tip.value, ...elsewhere, "--"]);
  if (!alone.ok) return alone;
  if (alone.value !== "") return ok(undefined);
  // Only if it is still where we saw it: somebody may be committing to it.
  const deleted = await git.run(gitDirectory, ["update-ref", "-d", reference, tip.value]);
  // Its upstream and the like; there is mostly no such section, which git calls a failure.
  if (deleted.ok) await git.run(gitDirectory, ["config", "--remove-section", `branch.${branch}`]);
  return deleted;
}

/** Folders of ours that are empty now; they are made again when they are needed. */
async function tidy(path: string): Promise<void> {
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    try {
      await rmdir(folder);
    } catch {
      return; // Not empty: another session works there.
    }
  }
}

export function wouldBeLost(path: string, work: readonly string[]): Fault {
  return fault("work-would-be-lost", `${path} holds work that is nowhere else: ${work.join("; ")}`, {
    hint: "commit and push or merge it, or remove it with --force, which saves it under refs/overmind/trash",
    data: { work },
  });
}

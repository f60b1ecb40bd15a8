/** The work in a session's worktree: what there is that is nowhere else, and how it is saved before it goes. */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ok, type Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import type { Git } from "./git.ts";
import { exists } from "./prepare-worktree.ts";
import { saveCheckout, saveRepositories, saveRepository, trashReference } from "./save-work.ts";
import { unsavedCommits, unsavedFiles } from "./unsaved-work.ts";
import type { RegisteredWorktree } from "./worktree-registry.ts";

export async function unsavedIn(
  git: Git,
  workspace: WorkspaceRecord,
  mine: RegisteredWorktree,
): Promise<Result<readonly string[]>> {
  const heads = await headsOf(git, workspace, mine);
  const { branch, base, gitDirectory } = workspace;
  const elsewhere = ["--not", base, `--exclude=${branch}`, "--branches", "--remotes", "--tags"];
  const commits = heads.length === 0 ? ok([]) : await unsavedCommits(git, gitDirectory, [...heads, ...elsewhere]);
  if (!commits.ok) return commits;
  // Of a worktree that was still being made, the files are all ours.
  if (mine.mark?.ready !== true || !(await exists(mine.path))) return commits;
  if (await isAnotherRepository(git, mine)) {
    return ok(["the folder has been made into a repository of its own", ...commits.value]);
  }
  const files = await unsavedFiles(git, mine.path);
  return files.ok ? ok([...files.value, ...commits.value]) : files;
}

/** Returns where it is, in words. Called when there is something to save. */
export async function saveWorktree(
  git: Git,
  sessionId: string,
  workspace: WorkspaceRecord,
  mine: RegisteredWorktree,
  trash: string,
): Promise<Result<string>> {
  const { gitDirectory } = workspace;
  const reference = trashReference(sessionId);
  const inTrash = join(trash, sessionId);
  const heads = await headsOf(git, workspace, mine);
  const hasFiles = await exists(mine.path);
  if (hasFiles && !(await isAnotherRepository(git, mine))) {
    const saved = await saveCheckout(git, mine.path, sessionId, heads.at(-1));
    if (!saved.ok) return saved;
    const inside = await saveRepositories(git, mine.path, saved.value.repositories, sessionId, inTrash);
    return inside.ok ? ok([reference, ...inside.value].join(" and ")) : inside;
  }
  // Only commits are left of the worktree itself; a removal that was cut short has saved them already.
  for (const [at, head] of heads.entries()) {
    const name = at === 0 ? reference : `${reference}-branch`;
    if (await hasReference(git, gitDirectory, name)) continue;
    const kept = await git.run(gitDirectory, ["update-ref", name, head]);
    if (!kept.ok) return kept;
  }
  if (!hasFiles) return ok(reference);
  const copied = await saveRepository(git, mine.path, sessionId, join(inTrash, "worktree.git"));
  return copied.ok ? ok(`${reference} and ${copied.value}`) : copied;
}

export function tipOf(branch: string): string[] {
  return ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`];
}

export function hasReference(git: Git, gitDirectory: string, reference: string): Promise<boolean> {
  return git.asks(gitDirectory, ["rev-parse", "--verify", "--quiet", reference]);
}

/** The commit that the worktree is at; then the tip of the session's branch, where it is another. */
async function headsOf(git: Git, workspace: WorkspaceRecord, mine: RegisteredWorktree): Promise<string[]> {
  const ofWorktree = ["--git-dir", mine.registration, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"];
  const head = await git.line(workspace.gitDirectory, ofWorktree);
  const tip = await git.line(workspace.gitDirectory, tipOf(workspace.branch));
  return [...new Set([head, tip].flatMap((one) => (one.ok ? [one.value] : [])))];
}

/**
 * An agent may have deleted the one file that makes the folder a worktree, which is mended; or have made another
 * repository in its place, whose work git would not find from here.
 */
async function isAnotherRepository(git: Git, mine: RegisteredWorktree): Promise<boolean> {
  const link = join(mine.path, ".git");
  if (!(await exists(link))) await writeFile(link, `gitdir: ${mine.registration}\n`);
  if ((await stat(link)).isDirectory()) return true;
  const own = await git.line(mine.path, ["rev-parse", "--path-format=absolute", "--git-dir"]);
  return !own.ok || own.value !== mine.registration;
}

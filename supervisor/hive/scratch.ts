/** A fresh repository of a session's own, <home>/scratch/<session id>: for work that belongs to no project. */
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { failed, ok, type Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import { type Git, OUR_IDENTITY } from "./git.ts";
import { exists } from "./prepare-worktree.ts";
import { type Removal, type RemovalOptions, wouldBeLost } from "./remove-worktree.ts";
import { saveRepository } from "./save-work.ts";
import { unsavedCommits, unsavedFiles } from "./unsaved-work.ts";

const BRANCH = "main";
/** The tree without an entry, which git names by its content alone. */
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

export function planScratch(scratch: string, sessionId: string): WorkspaceRecord {
  const path = join(scratch, sessionId);
  return { kind: "scratch", project: path, path, cwd: path, gitDirectory: "", branch: BRANCH, base: "", made: false };
}

/** One empty commit, so that diffs and worktrees of it have something to begin from. */
export async function prepareScratch(git: Git, workspace: WorkspaceRecord): Promise<Result<WorkspaceRecord>> {
  const { path } = workspace;
  const made: WorkspaceRecord = { ...workspace, gitDirectory: join(path, ".git"), made: true };
  await makeFolder(dirname(path));
  await makeFolder(path);
  const begun = await exists(made.gitDirectory);
  if (begun && (await git.asks(path, ["--git-dir", made.gitDirectory, "rev-parse", "--verify", "--quiet", "HEAD"]))) {
    return ok(made);
  }
  // Without the templates: a dozen sample hooks that nobody asked for.
  const options = ["--quiet", "--template=", "--object-format=sha1", `--initial-branch=${BRANCH}`];
  const initialised = await git.run(path, ["init", ...options]);
  if (!initialised.ok) return initialised;
  const commit = ["commit", "--quiet", "--allow-empty", "--no-verify", "--no-gpg-sign", "--message", "empty"];
  const committed = await git.run(path, [...OUR_IDENTITY, ...commit]);
  return committed.ok ? ok(made) : committed;
}

export async function unsavedInScratch(git: Git, { path }: WorkspaceRecord): Promise<Result<readonly string[]>> {
  const gitDirectory = join(path, ".git");
  if (!(await exists(gitDirectory))) return ok([]);
  const files = await unsavedFiles(git, path);
  if (!files.ok) return files;
  const roots = await git.run(path, ["log", "--no-show-signature", "--all", "--max-parents=0", "--format=%H %T"]);
  if (!roots.ok) return roots;
  const ours = roots.value.split("\n").filter((line) => line.endsWith(EMPTY_TREE));
  const head = (await git.asks(path, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])) ? ["HEAD"] : [];
  const not = ours.map((line) => line.split(" ")[0] ?? "");
  const commits = await unsavedCommits(git, path, [...head, "--all", "--not", "--remotes", ...not]);
  return commits.ok ? ok([...files.value, ...commits.value]) : commits;
}

export async function removeScratch(
  git: Git,
  sessionId: string,
  workspace: WorkspaceRecord,
  options: RemovalOptions,
): Promise<Result<Removal>> {
  const { path } = workspace;
  const aside = `${path}.trash`;
  const target = join(options.trash, `${sessionId}.git`);
  let isSaved = await exists(target);
  if (await exists(path)) {
    const work = await unsavedInScratch(git, workspace);
    if (!work.ok) return work;
    if (work.value.length > 0 && !options.force) return failed(wouldBeLost(path, work.value));
    if (work.value.length > 0) {
      const saved = await saveRepository(git, path, sessionId, target);
      if (!saved.ok) return saved;
      isSaved = true;
    }
    await rm(aside, { recursive: true, force: true });
    await rename(path, aside);
  }
  if (await exists(aside)) options.deleteLater(aside);
  return ok(isSaved ? { savedAs: target } : {});
}

/** Never the home around it: one that is gone must stay gone. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

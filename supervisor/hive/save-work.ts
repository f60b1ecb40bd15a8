/** Saves what a removal would lose: as a commit of the whole state, and repositories of their own as bare copies. */
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ok, type Result } from "../../schemas/fault.ts";
import { treesOfCheckout } from "./carried-changes.ts";
import { type Git, OUR_IDENTITY } from "./git.ts";

export function trashReference(sessionId: string): string {
  return `refs/overmind/trash/${sessionId}`;
}

export interface SavedCheckout {
  readonly commit: string;
  /** Repositories inside, untracked or submodules, whose work is not in the commit. */
  readonly repositories: readonly string[];
}

/**
 * Commits all files that are not ignored under the session's trash reference. Its parents hold the rest: HEAD, then
 * `tip` (a branch that HEAD has left), then a commit of the index where it differs from both.
 */
export async function saveCheckout(
  git: Git,
  checkout: string,
  sessionId: string,
  tip: string | undefined,
): Promise<Result<SavedCheckout>> {
  const own = await git.line(checkout, ["rev-parse", "--path-format=absolute", "--git-dir"]);
  if (!own.ok) return own;
  const trees = await treesOfCheckout(git, checkout, own.value);
  if (!trees.ok) return trees;
  const { staged, whole, nested, submodules } = trees.value;
  const head = await git.line(checkout, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
  const parents = head.ok ? [head.value] : [];
  if (tip !== undefined && !parents.includes(tip)) parents.push(tip);
  const commit = (tree: string, of: readonly string[], text: string) =>
    git.line(checkout, [...OUR_IDENTITY, "commit-tree", tree, ...of.flatMap((parent) => ["-p", parent]), "-m", text]);
  const committed = head.ok ? await git.line(checkout, ["rev-parse", `${head.value}^{tree}`]) : head;
  if (staged !== undefined && staged !== whole && !(committed.ok && committed.value === staged)) {
    const index = await commit(staged, parents, `what was staged when session ${sessionId} was removed`);
    if (!index.ok) return index;
    parents.push(index.value);
  }
  const saved = await commit(whole, parents, `the work of session ${sessionId} when it was removed`);
  if (!saved.ok) return saved;
  const kept = await git.run(checkout, ["update-ref", trashReference(sessionId), saved.value]);
  if (!kept.ok) return kept;
  return ok({ commit: saved.value, repositories: [...nested, ...submodules].map((path) => path.replace(/\/$/, "")) });
}

/** Copies a repository with all its references, its unsaved work among them, to `target` (`.../name.git`). */
export async function saveRepository(
  git: Git,
  checkout: string,
  sessionId: string,
  target: string,
): Promise<Result<string>> {
  const saved = await saveCheckout(git, checkout, sessionId, undefined);
  if (!saved.ok) return saved;
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const partial = `${target}.partial`;
  await rm(partial, { recursive: true, force: true });
  const cloned = await git.run(dirname(target), ["clone", "--quiet", "--mirror", checkout, partial]);
  if (!cloned.ok) return cloned;
  await rm(target, { recursive: true, force: true });
  await rename(partial, target);
  const inside = await saveRepositories(
    git,
    checkout,
    saved.value.repositories,
    sessionId,
    `${target.replace(/\.git$/, "")}-inside`,
  );
  return inside.ok ? ok(target) : inside;
}

/** Each of the repositories inside a checkout, as a bare copy under `folder`. */
export async function saveRepositories(
  git: Git,
  checkout: string,
  paths: readonly string[],
  sessionId: string,
  folder: string,
): Promise<Result<readonly string[]>> {
  const saved: string[] = [];
  for (const path of paths) {
    const one = await saveRepository(
      git,
      join(checkout, path),
      sessionId,
      join(folder, `${encodeURIComponent(path)}.git`),
    );
    if (!one.ok) return one;
    saved.push(one.value);
  }
  return ok(saved);
}

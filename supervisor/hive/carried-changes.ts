/**
 * A checkout's state as trees: what is staged, and all that is there. Made beside the checkout with a copy of its
 * index, so that nothing of it changes. For `run --with-changes`, and to save what a removal would lose.
 */
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ok, type Result } from "../../schemas/fault.ts";
import type { Git } from "./git.ts";
import { statusOf } from "./git-status.ts";
import { OVERMIND_FOLDER, WITHOUT_OURS } from "./repository.ts";

export interface CheckoutTrees {
  /** Undefined while the index holds unresolved conflicts. */
  readonly staged: string | undefined;
  readonly whole: string;
  /** Untracked folders that are repositories of their own: in neither tree. */
  readonly nested: readonly string[];
  /** Submodules with work in their own checkouts: in the trees as commits alone. */
  readonly submodules: readonly string[];
}

export async function treesOfCheckout(
  git: Git,
  checkout: string,
  ownDirectory: string,
): Promise<Result<CheckoutTrees>> {
  const status = await statusOf(git, checkout, { eachFile: true });
  if (!status.ok) return status;
  const nested = status.value.untracked.filter((path) => path.endsWith("/"));
  const folder = await mkdtemp(join(tmpdir(), "overmind-index-"));
  try {
    const index = join(folder, "index");
    await copyIndex(join(ownDirectory, "index"), index);
    const environment = { GIT_INDEX_FILE: index };
    const staged = await git.line(checkout, ["write-tree"], { environment });
    const without = nested.map((path) => `:(top,exclude,literal)${path}`);
    // Line ends are converted as the repository says, and nobody is there to be warned of it.
    const add = ["-c", "core.safecrlf=false", "add", "--all", "--", ...(await whatToAdd(git, checkout)), ...without];
    const added = await git.run(checkout, add, { environment });
    if (!added.ok) return added;
    const whole = await git.line(checkout, ["write-tree"], { environment });
    if (!whole.ok) return whole;
    const { submodules } = status.value;
    return ok({ staged: staged.ok ? staged.value : undefined, whole: whole.value, nested, submodules });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `git add` fails over a path that is named, even to leave it out, and is ignored already. */
async function whatToAdd(git: Git, checkout: string): Promise<readonly string[]> {
  const ignored = await git.run(checkout, ["check-ignore", "--quiet", `${OVERMIND_FOLDER}/`]);
  return ignored.ok ? [":(top)"] : WITHOUT_OURS;
}

async function copyIndex(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    // A checkout without an index has nothing staged: git makes the new one.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

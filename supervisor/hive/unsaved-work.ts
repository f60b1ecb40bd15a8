/** What would be lost with a checkout: said in lines for people, empty when nothing would be. */
import { ok, type Result } from "../../schemas/fault.ts";
import type { Git } from "./git.ts";
import { statusOf } from "./git-status.ts";
import { count } from "./plan-worktree.ts";

/** Named in a line; the rest are counted. */
const NAMED = 3;

/** Changed and untracked files of a checkout. Ignored files are no work: they are made again. */
export async function unsavedFiles(git: Git, checkout: string): Promise<Result<string[]>> {
  const status = await statusOf(git, checkout, { eachFile: false });
  if (!status.ok) return status;
  const { changed, untracked } = status.value;
  return ok([
    ...(changed.length === 0 ? [] : [`${count(changed.length, "changed file")}: ${some(changed)}`]),
    ...(untracked.length === 0
      ? []
      : [`${count(untracked.length, "untracked entry", "untracked entries")}: ${some(untracked)}`]),
  ]);
}

/** Commits that `selection` (arguments of git log) finds. */
export async function unsavedCommits(
  git: Git,
  folder: string,
  selection: readonly string[],
): Promise<Result<string[]>> {
  const listed = await git.run(folder, ["log", "--no-show-signature", "--format=%h %s", ...selection, "--"]);
  if (!listed.ok) return listed;
  const commits = listed.value.split("\n").filter((line) => line !== "");
  if (commits.length === 0) return ok([]);
  return ok([`${count(commits.length, "commit")} on no other branch: ${some(commits, "; ")}`]);
}

function some(all: readonly string[], separator = ", "): string {
  const named = all.slice(0, NAMED).join(separator);
  return all.length > NAMED ? `${named} and ${all.length - NAMED} more` : named;
}

/** Where a session of a git project would work. Looks, decides on names, and makes nothing. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import { treesOfCheckout } from "./carried-changes.ts";
import type { Git } from "./git.ts";
import { statusOf } from "./git-status.ts";
import { findRepository, type Repository, worktreesFolder } from "./repository.ts";
import { registeredWorktrees } from "./worktree-registry.ts";

export interface WorktreeRequest {
  readonly sessionName: string;
  readonly folder: string;
  readonly withChanges: boolean;
  /** False: the place is another session's that is planned and not made yet. */
  readonly reserve: (path: string) => boolean;
}

interface Planned {
  readonly workspace: WorkspaceRecord;
  readonly warnings: readonly string[];
}

export async function planWorktree(git: Git, request: WorktreeRequest): Promise<Result<Planned>> {
  const found = await findRepository(git, request.folder);
  if (!found.ok) return found;
  const repository = found.value;
  const named = await freeName(git, repository, request);
  if (!named.ok) return named;
  const carried = request.withChanges ? await carry(git, repository) : await leave(git, repository);
  if (!carried.ok) return carried;
  const { changes, warnings } = carried.value;
  const path = join(worktreesFolder(repository.root), named.value);
  const place = await placeIn(git, repository, changes?.whole ?? repository.head, path);
  const workspace: WorkspaceRecord = {
    kind: "worktree",
    project: request.folder,
    path,
    cwd: place.cwd,
    gitDirectory: repository.gitDirectory,
    branch: branchOf(named.value),
    base: repository.head,
    ...(changes === undefined ? {} : { changes }),
    made: false,
  };
  return ok({ workspace, warnings: [...warnings, ...place.warnings] });
}

function branchOf(name: string): string {
  return `overmind/${name}`;
}

/** The session's name, or with a number behind it, such that neither branch, folder nor worktree of it exists. */
async function freeName(git: Git, repository: Repository, request: WorktreeRequest): Promise<Result<string>> {
  const { root, gitDirectory } = repository;
  const { sessionName, reserve } = request;
  // Two dots, and `.lock` at the end, are what a session's name may hold and a branch's may not.
  const wanted = sessionName.replaceAll(/\.{2,}/g, ".").replace(/\.lock$/, "-lock");
  const listed = await git.run(root, ["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/overmind"]);
  if (!listed.ok) return listed;
  const branches = new Set(listed.value.split("\n"));
  if (branches.has("overmind")) {
    return failed(
      fault("conflict", `${root} has a branch named "overmind", so git can make none under overmind/`, {
        hint: "rename it: git branch -m overmind another-name",
      }),
    );
  }
  const folder = worktreesFolder(root);
  const folders = new Set(await readdir(folder).catch(() => [])); // Made with the first worktree.
  for (const { path } of await registeredWorktrees(gitDirectory))
    if (path.startsWith(folder)) folders.add(basename(path));
  const isFree = (name: string) => !branches.has(branchOf(name)) && !folders.has(name) && reserve(join(folder, name));
  let name = wanted;
  for (let number = 2; !isFree(name); number += 1) name = `${wanted}-${number}`;
  return ok(name);
}

interface Carried {
  readonly changes?: { readonly staged: string; readonly whole: string };
  readonly warnings: readonly string[];
}

/** What is uncommitted stays where it is, and whoever starts the session is told. */
async function leave(git: Git, { checkout }: Repository): Promise<Result<Carried>> {
  const status = await statusOf(git, checkout, { eachFile: false });
  if (!status.ok) return status;
  const { changed, untracked } = status.value;
  const what = [
    ...(changed.length === 0 ? [] : [`${count(changed.length, "changed file")}`]),
    ...(untracked.length === 0 ? [] : [`${count(untracked.length, "untracked entry", "untracked entries")}`]),
  ];
  if (what.length === 0) return ok({ warnings: [] });
  const verb = changed.length + untracked.length === 1 ? "is" : "are";
  return ok({
    warnings: [
      `${what.join(" and ")} of ${checkout} ${verb} not in the session's worktree (--with-changes takes them)`,
    ],
  });
}

async function carry(git: Git, { checkout, ownDirectory, head }: Repository): Promise<Result<Carried>> {
  const trees = await treesOfCheckout(git, checkout, ownDirectory);
  if (!trees.ok) return trees;
  const { staged, whole, nested, submodules } = trees.value;
  if (staged === undefined) {
    return failed(
      fault("conflict", `${checkout} has unresolved conflicts, which cannot be carried over`, {
        hint: "resolve them, or run without --with-changes",
      }),
    );
  }
  const warnings = [
    ...nested.map((path) => `${path} is a repository of its own and is not in the session's worktree`),
    ...submodules.map((path) => `changes inside the submodule ${path} are not in the session's worktree`),
  ];
  const committed = await git.line(checkout, ["rev-parse", `${head}^{tree}`]);
  if (!committed.ok) return committed;
  if (staged === committed.value && whole === committed.value) return ok({ warnings });
  return ok({ changes: { staged, whole }, warnings });
}

/** The subfolder that the user is in, when the session's worktree will have it. */
async function placeIn(git: Git, { checkout, prefix }: Repository, treeish: string, path: string) {
  if (prefix === "") return { cwd: path, warnings: [] };
  const folder = prefix.replace(/\/$/, "");
  const type = await git.line(checkout, ["cat-file", "-t", `${treeish}:${folder}`]);
  if (type.ok && type.value === "tree") return { cwd: join(path, folder), warnings: [] };
  return { cwd: path, warnings: [`${folder} is not in the commit: the session starts at the top of its worktree`] };
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Which repository a folder belongs to, and where Overmind puts what is its own in there. */
import { appendFile, mkdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { type Git, gitFailure } from "./git.ts";

/** In the main checkout, kept out of git's sight by info/exclude. */
export const OVERMIND_FOLDER = ".overmind";

export interface Repository {
  /** Top of the checkout (main or linked) that holds the folder. */
  readonly checkout: string;
  /** Top of the main checkout: new worktrees lie in it, whichever checkout the folder is in. */
  readonly root: string;
  /** The git folder that all checkouts share. */
  readonly gitDirectory: string;
  /** The checkout's own git folder, which holds its index and HEAD. */
  readonly ownDirectory: string;
  /** The folder's place in its checkout: empty, or `sub/folder/`. */
  readonly prefix: string;
  /** The commit that is checked out. */
  readonly head: string;
}

export async function findRepository(git: Git, folder: string): Promise<Result<Repository>> {
  const missing = await obstacleInFolder(folder);
  if (missing !== undefined) return failed(missing);
  const asked = ["rev-parse", "--path-format=absolute", "--is-bare-repository", "--is-inside-work-tree"];
  const found = await git.run(folder, [...asked, "--git-common-dir", "--git-dir"]);
  if (!found.ok) return failed(faultOfSearch(folder, found.fault));
  const [isBare, isInside, gitDirectory = "", ownDirectory = ""] = found.value.split("\n");
  if (isBare === "true") return failed(isBareRepository(folder));
  if (isInside !== "true") {
    return failed(
      fault("not-a-repository", `${folder} lies inside a repository's own git folder`, {
        hint: "name a folder of the checkout",
      }),
    );
  }
  const place = await git.run(folder, ["rev-parse", "--path-format=absolute", "--show-toplevel", "--show-prefix"]);
  if (!place.ok) return place;
  const [checkout = "", prefix = ""] = place.value.split("\n");
  const head = await git.line(folder, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
  if (!head.ok) return failed(hasNoCommit(checkout));
  const root = gitDirectory === ownDirectory ? ok(checkout) : await mainCheckout(git, gitDirectory, folder);
  return root.ok ? ok({ checkout, root: root.value, gitDirectory, ownDirectory, prefix, head: head.value }) : root;
}

/** `<root>/.overmind/worktrees`. */
export function worktreesFolder(root: string): string {
  return join(root, OVERMIND_FOLDER, "worktrees");
}

/** Where a worktree of ours is moved before it is deleted: beside the others, so that moving it is a rename. */
export function asideFolder(worktree: string, sessionId: string): string {
  return join(dirname(dirname(worktree)), `trash-${sessionId}`);
}

/** Keeps what is ours out of `git status` of the checkout, once, and without a trace in its files. */
export async function excludeOvermindFolder(gitDirectory: string): Promise<void> {
  const path = join(gitDirectory, "info", "exclude");
  const line = `/${OVERMIND_FOLDER}/`;
  let text = "";
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await mkdir(dirname(path), { recursive: true });
  }
  if (text.split("\n").includes(line)) return;
  await appendFile(path, `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`);
}

/** What git must not look at in a checkout, also before info/exclude says so. Relative to the top. */
export const WITHOUT_OURS = [":(top)", `:(top,exclude)${OVERMIND_FOLDER}`];

async function mainCheckout(git: Git, gitDirectory: string, folder: string): Promise<Result<string>> {
  const isBare = await git.line(gitDirectory, ["config", "--bool", "--get", "core.bare"]);
  if (isBare.ok && isBare.value === "true") return failed(isBareRepository(folder));
  if (basename(gitDirectory) === ".git") return ok(dirname(gitDirectory));
  // A submodule's git folder lies in the repository around it and names its checkout.
  const named = await git.line(gitDirectory, ["config", "--get", "core.worktree"]);
  if (named.ok) return ok(resolve(gitDirectory, named.value));
  return failed(
    fault("not-a-repository", `the main checkout of ${folder} cannot be told from ${gitDirectory}`, {
      hint: "run this in the main checkout",
    }),
  );
}

async function obstacleInFolder(folder: string): Promise<Fault | undefined> {
  try {
    if ((await stat(folder)).isDirectory()) return undefined;
    return fault("folder-not-found", `${folder} is not a folder`);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = isMissing ? "there is no folder" : "cannot look into";
    return fault("folder-not-found", `${why} ${folder}`, { hint: "check --project, or the folder you are in" });
  }
}

function faultOfSearch(folder: string, found: Fault): Fault {
  if (!/not a git repository/i.test(gitFailure(found).stderr)) return found;
  return fault("not-a-repository", `${folder} is in no git repository`, {
    hint: "make one with `git init` and a first commit, or use --scratch for an empty folder of the session's own",
  });
}

function isBareRepository(folder: string): Fault {
  return fault("not-a-repository", `${folder} belongs to a bare repository, which has no main checkout`, {
    hint: "clone it and run this in the clone, or use --scratch",
  });
}

function hasNoCommit(checkout: string): Fault {
  return fault("not-a-repository", `the repository ${checkout} has no commit yet, so there is nothing to branch from`, {
    hint: "commit first, or use --scratch for an empty folder of the session's own",
  });
}

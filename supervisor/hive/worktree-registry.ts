/**
 * git's own list of a repository's worktrees, <git folder>/worktrees/<name>/, with our mark in it: a file that says
 * which session a worktree belongs to. What bears no mark of ours is not ours.
 */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

const MARK = "overmind-session";

export interface WorktreeMark {
  readonly sessionId: string;
  /** False while it is being made: nobody has worked in it, and making it can be begun again. */
  readonly ready: boolean;
}

export interface RegisteredWorktree {
  /** git's folder for it. */
  readonly registration: string;
  /** Where it lies; there may be nothing any more. */
  readonly path: string;
  /** `refs/heads/...`; undefined when no branch is checked out. */
  readonly branch: string | undefined;
  readonly mark: WorktreeMark | undefined;
}

export async function registeredWorktrees(gitDirectory: string): Promise<RegisteredWorktree[]> {
  const folder = join(gitDirectory, "worktrees");
  const names = await readdir(folder).catch(() => []); // The folder is made with the first worktree.
  const found = await Promise.all(names.map((name) => readRegistration(join(folder, name))));
  return found.filter((one) => one !== undefined);
}

/** Where the main checkout's HEAD points: a branch that cannot be deleted or checked out again. */
export function branchOfMainCheckout(gitDirectory: string): Promise<string | undefined> {
  return branchIn(join(gitDirectory, "HEAD"));
}

/** Whole or not at all: a mark that cannot be read would make the worktree a stranger's. */
export async function writeMark(registration: string, mark: WorktreeMark): Promise<void> {
  const path = join(registration, MARK);
  await writeFile(`${path}.new`, `${JSON.stringify(mark)}\n`);
  await rename(`${path}.new`, path);
}

async function readRegistration(registration: string): Promise<RegisteredWorktree | undefined> {
  const link = await readIfThere(join(registration, "gitdir"));
  if (link === undefined) return undefined;
  return {
    registration,
    path: dirname(resolve(registration, link.trim())),
    branch: await branchIn(join(registration, "HEAD")),
    mark: parseMark(await readIfThere(join(registration, MARK))),
  };
}

async function branchIn(head: string): Promise<string | undefined> {
  return /^ref: (refs\/heads\/.+)$/m.exec((await readIfThere(head)) ?? "")?.[1];
}

function parseMark(text: string | undefined): WorktreeMark | undefined {
  if (text === undefined) return undefined;
  try {
    const { sessionId, ready } = JSON.parse(text) as Partial<WorktreeMark>;
    return typeof sessionId === "string" ? { sessionId, ready: ready === true } : undefined;
  } catch {
    return undefined; // Not written by us: then the worktree is not ours either.
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined; // Not there, or no file.
  }
}

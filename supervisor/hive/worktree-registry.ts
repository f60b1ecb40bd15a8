/**
 * git's own list of a repository's worktrees, <git folder>/worktrees/<name>/, with our mark in it: a file that says
 * which session a worktree belongs to. What bears no mark of ours is not ours.
 */
import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
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

interface Read {
  readonly changedAtMs: number;
  readonly readAtMs: number;
  readonly worktree: RegisteredWorktree | undefined;
}

/**
 * What was read so soon after a change is read anew: within one tick of the file system's clock a second change would
 * not show in the folder's time.
 */
const RECENT_MS = 2000;
/** What was read of each repository's registrations. A folder's time changes whenever a file in it is replaced. */
const lastRead = new Map<string, Map<string, Read>>();

/** Of seven hundred worktrees only those that changed are read: fifty sessions that start would read all, fifty times. */
export async function registeredWorktrees(gitDirectory: string): Promise<RegisteredWorktree[]> {
  const folder = join(gitDirectory, "worktrees");
  const names = await readdir(folder).catch(() => []); // The folder is made with the first worktree.
  const before = lastRead.get(gitDirectory);
  const now = new Map<string, Read>();
  await Promise.all(
    names.map(async (name) => {
      const registration = join(folder, name);
      const changedAtMs = (await stat(registration).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
      const known = before?.get(name);
      const isCurrent = known?.changedAtMs === changedAtMs && known.readAtMs - changedAtMs > RECENT_MS;
      if (isCurrent) now.set(name, known);
      else now.set(name, { changedAtMs, readAtMs: Date.now(), worktree: await readRegistration(registration) });
    }),
  );
  lastRead.set(gitDirectory, now);
  return names.flatMap((name) => now.get(name)?.worktree ?? []);
}

/** The registration of the worktree at a path, told from the link that git puts into it. */
export async function registrationOf(path: string): Promise<RegisteredWorktree | undefined> {
  const link = /^gitdir: (.+)$/m.exec((await readIfThere(join(path, ".git"))) ?? "")?.[1];
  return link === undefined ? undefined : readRegistration(resolve(path, link));
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

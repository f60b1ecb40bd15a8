/** The Workspaces port: git worktrees of projects, and scratch repositories. Touches nothing that bears no mark of ours. */
import { rm } from "node:fs/promises";
import { failed, fault, faultOf, ok, type Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import type { Log } from "../ports/clock.ts";
import type { Workspaces } from "../ports/hive.ts";
import type { Git } from "./git.ts";
import { planWorktree } from "./plan-worktree.ts";
import { prepareWorktree } from "./prepare-worktree.ts";
import { foldersAside, removeWorktree, unsavedInWorktree } from "./remove-worktree.ts";
import { planScratch, prepareScratch, removeScratch, unsavedInScratch } from "./scratch.ts";

/** Places that are planned and not made yet. The oldest is forgotten first: its session was never recorded. */
const MAX_RESERVED = 1000;

export interface GitWorkspacesOptions {
  readonly git: Git;
  /** <home>/scratch. */
  readonly scratch: string;
  /** <home>/trash. */
  readonly trash: string;
  readonly log: Log;
}

export class GitWorkspaces implements Workspaces {
  readonly #options: GitWorkspacesOptions;
  readonly #reserved = new Set<string>();
  readonly #deletions = new Map<string, Promise<void>>();

  constructor(options: GitWorkspacesOptions) {
    this.#options = options;
  }

  plan(request: Parameters<Workspaces["plan"]>[0]): ReturnType<Workspaces["plan"]> {
    const { git, scratch } = this.#options;
    return fenced(async () => {
      if (!request.scratch) return planWorktree(git, { ...request, reserve: (path) => this.#reserve(path) });
      if (request.withChanges) {
        return failed(
          fault("usage", "a scratch session has no project whose changes it could take", {
            hint: "leave out --with-changes",
          }),
        );
      }
      return ok({ workspace: planScratch(scratch, request.sessionId), warnings: [] });
    });
  }

  prepare(sessionId: string, workspace: WorkspaceRecord): Promise<Result<WorkspaceRecord>> {
    const { git } = this.#options;
    return fenced(async () => {
      if (workspace.kind === "scratch") return prepareScratch(git, workspace);
      const prepared = await git.serialised(workspace.gitDirectory, () => prepareWorktree(git, sessionId, workspace));
      if (prepared.ok) this.#reserved.delete(workspace.path);
      await this.#sweep(workspace);
      return prepared;
    });
  }

  unsavedWork(workspace: WorkspaceRecord): Promise<Result<readonly string[]>> {
    const { git } = this.#options;
    return fenced(() =>
      workspace.kind === "scratch" ? unsavedInScratch(git, workspace) : unsavedInWorktree(git, workspace),
    );
  }

  remove(
    sessionId: string,
    workspace: WorkspaceRecord,
    { force }: { readonly force: boolean },
  ): Promise<Result<{ readonly savedAs?: string }>> {
    const { git, trash } = this.#options;
    const options = { force, trash, deleteLater: (folder: string) => this.#deleteLater(folder) };
    return fenced(async () => {
      this.#reserved.delete(workspace.path);
      if (workspace.kind === "scratch") return removeScratch(git, sessionId, workspace, options);
      return git.serialised(workspace.gitDirectory, async () => {
        const removed = await removeWorktree(git, sessionId, workspace, options);
        await this.#sweep(workspace);
        return removed;
      });
    });
  }

  /** Resolves when nothing is being deleted any more. What a crash cuts short is finished with the next use of the project. */
  async idle(): Promise<void> {
    while (this.#deletions.size > 0) await Promise.all(this.#deletions.values());
  }

  #reserve(path: string): boolean {
    if (this.#reserved.has(path)) return false;
    this.#reserved.add(path);
    const [oldest] = this.#reserved;
    if (this.#reserved.size > MAX_RESERVED && oldest !== undefined) this.#reserved.delete(oldest);
    return true;
  }

  /** Deletes what was moved aside, by a supervisor before this one too. */
  async #sweep(workspace: WorkspaceRecord): Promise<void> {
    for (const folder of await foldersAside(workspace)) this.#deleteLater(folder);
  }

  #deleteLater(folder: string): void {
    if (this.#deletions.has(folder)) return;
    const deletion = rm(folder, { recursive: true, force: true, maxRetries: 3 })
      .catch((error: unknown) =>
        this.#options.log.warn("a removed workspace could not be deleted", { folder, error: String(error) }),
      )
      .finally(() => this.#deletions.delete(folder));
    this.#deletions.set(folder, deletion);
  }
}

/** What the file system refuses (no space, no permission) is said in its own words; what else is thrown is a bug. */
async function fenced<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (typeof code !== "string") return failed(faultOf(error));
    if (code === "ENOSPC" || code === "EDQUOT") {
      return failed(fault("disk-full", message, { retryable: true, hint: "make space on that disk" }));
    }
    return failed(fault("failed", message, { hint: "check the permissions of that folder" }));
  }
}

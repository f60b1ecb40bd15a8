import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import { makeProject, type Project } from "./project.fake.ts";
import type { GitWorkspaces } from "./workspaces.ts";

const ID = "abcdefghijkl";
const TRASH = `refs/overmind/trash/${ID}`;

let project: Project;
let workspaces: GitWorkspaces;
beforeEach(() => {
  project = makeProject();
  workspaces = project.workspaces();
});
afterEach(async () => {
  await workspaces.idle();
  project.close();
});

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.value;
}

async function make(scratch = false, folder = project.folder): Promise<WorkspaceRecord> {
  const request = { sessionId: ID, sessionName: "calm-otter", folder, scratch, withChanges: false };
  return must(await workspaces.prepare(ID, must(await workspaces.plan(request)).workspace));
}

async function remove(workspace: WorkspaceRecord, force = false) {
  const removed = await workspaces.remove(ID, workspace, { force });
  await workspaces.idle();
  return removed;
}

/** Everything of the project that a session could have left something in. */
function traces(): string[] {
  const overmind = existsSync(join(project.folder, ".overmind")) ? readdirSync(join(project.folder, ".overmind")) : [];
  return [
    ...overmind,
    ...project.git("worktree", "list").split("\n").slice(1),
    ...project
      .git("for-each-ref", "refs/heads/overmind", "refs/overmind/carry")
      .split("\n")
      .filter((line) => line !== ""),
  ];
}

function commitIn(folder: string, path: string, message: string): string {
  writeFileSync(join(folder, path), message);
  project.gitIn(folder, "add", "--all");
  project.gitIn(folder, "commit", "--quiet", "--message", message);
  return project.gitIn(folder, "rev-parse", "HEAD");
}

test("a worktree without work goes without a trace, and going twice is going once", async () => {
  const workspace = await make();
  expect(must(await workspaces.unsavedWork(workspace))).toEqual([]);
  expect(must(await remove(workspace))).toEqual({});
  expect(traces()).toEqual([]);
  expect(must(await remove(workspace))).toEqual({});
  expect(project.git("status", "--porcelain")).toBe("");
});

test("what would be lost is named, and nothing is removed", async () => {
  const workspace = await make();
  commitIn(workspace.path, "committed.txt", "the agent's commit");
  writeFileSync(join(workspace.path, "README.md"), "changed");
  for (const name of ["a", "b", "c", "ö"]) writeFileSync(join(workspace.path, `${name}.txt`), name);
  const work = must(await workspaces.unsavedWork(workspace));
  expect(work).toEqual([
    "1 changed file: README.md",
    "4 untracked entries: a.txt, b.txt, c.txt and 1 more",
    expect.stringMatching(/^1 commit on no other branch: [0-9a-f]+ the agent's commit$/),
  ]);
  const before = traces();
  const refused = await remove(workspace);
  expect(refused).toMatchObject({
    ok: false,
    fault: { code: "work-would-be-lost", hint: expect.stringContaining("--force"), data: { work } },
  });
  expect(traces()).toEqual(before);
  expect(readFileSync(join(workspace.path, "ö.txt"), "utf8")).toBe("ö");
});

test.each<[string, (folder: string) => void]>([
  ["merged into another branch", () => void project.git("merge", "--quiet", "overmind/calm-otter")],
  ["tagged", () => void project.git("tag", "kept", "overmind/calm-otter")],
  [
    "on a branch of the agent's own",
    (folder) => void project.gitIn(folder, "checkout", "--quiet", "-b", "feature/agent"),
  ],
  [
    "pushed",
    (folder) => {
      project.gitIn(project.root, "init", "--quiet", "--bare", "remote.git");
      project.git("remote", "add", "origin", join(project.root, "remote.git"));
      project.gitIn(folder, "push", "--quiet", "-u", "origin", "overmind/calm-otter");
    },
  ],
])("commits that are %s are not lost, and the branch goes", async (_, keep) => {
  const workspace = await make();
  commitIn(workspace.path, "work.txt", "work");
  keep(workspace.path);
  expect(must(await workspaces.unsavedWork(workspace))).toEqual([]);
  expect(must(await remove(workspace))).toEqual({});
  expect(traces()).toEqual([]);
  expect(project.git("config", "--list")).not.toContain("branch.overmind/calm-otter");
});

test("ignored files are no work", async () => {
  project.write(".gitignore", "build/\n");
  project.commit("ignore");
  const workspace = await make();
  mkdirSync(join(workspace.path, "build"));
  writeFileSync(join(workspace.path, "build/out"), "made again");
  expect(must(await remove(workspace))).toEqual({});
});

test("by force, everything is saved in a commit", async () => {
  const workspace = await make();
  const tip = commitIn(workspace.path, "committed.txt", "committed");
  writeFileSync(join(workspace.path, "README.md"), "staged\n");
  project.gitIn(workspace.path, "add", "README.md");
  writeFileSync(join(workspace.path, "README.md"), "changed\n");
  mkdirSync(join(workspace.path, "new ü"));
  writeFileSync(join(workspace.path, "new ü/file.txt"), "untracked\n");
  rmSync(join(workspace.path, "src/app.ts"));
  expect(must(await remove(workspace, true))).toEqual({ savedAs: TRASH });
  expect(traces()).toEqual([]);
  expect(project.git("show", `${TRASH}:README.md`)).toBe("changed");
  expect(project.git("show", `${TRASH}^2:README.md`)).toBe("staged");
  expect(project.git("show", `${TRASH}:new ü/file.txt`)).toBe("untracked");
  expect(project.git("show", `${TRASH}:committed.txt`)).toBe("committed");
  expect(project.git("rev-parse", `${TRASH}^1`)).toBe(tip);
  expect(project.git("ls-tree", "-r", "--name-only", TRASH)).not.toContain("app.ts");
  expect(must(await remove(workspace))).toEqual({ savedAs: TRASH });
});

test("by force, a branch that HEAD has left is saved too", async () => {
  const workspace = await make();
  const left = commitIn(workspace.path, "left.txt", "left");
  project.gitIn(workspace.path, "checkout", "--quiet", "--detach", "HEAD~1");
  const detached = commitIn(workspace.path, "detached.txt", "detached");
  expect(must(await workspaces.unsavedWork(workspace))[0]).toMatch(/^2 commits on no other branch/);
  must(await remove(workspace, true));
  expect(traces()).toEqual([]);
  expect(project.git("rev-list", "--all")).toContain(left);
  expect(project.git("rev-list", TRASH)).toContain(left);
  expect(project.git("rev-list", TRASH)).toContain(detached);
});

test("by force, repositories inside the worktree are saved as copies", async () => {
  const workspace = await make();
  const inner = join(workspace.path, "cloned");
  project.gitIn(workspace.path, "init", "--quiet", "cloned");
  const commit = commitIn(inner, "a.txt", "inner commit");
  writeFileSync(join(inner, "b.txt"), "inner file");
  project.gitIn(workspace.path, "init", "--quiet", "empty one");
  const removed = must(await remove(workspace, true));
  const copy = join(project.trash, ID, "cloned.git");
  expect(removed.savedAs).toBe(`${TRASH} and ${copy} and ${join(project.trash, ID, "empty%20one.git")}`);
  expect(project.gitIn(copy, "show", `${TRASH}:b.txt`)).toBe("inner file");
  expect(project.gitIn(copy, "rev-list", "--all")).toContain(commit);
  expect(traces()).toEqual([]);
});

test("a worktree that an agent made into another repository is not lost", async () => {
  const workspace = await make();
  rmSync(join(workspace.path, ".git"));
  project.gitIn(workspace.path, "init", "--quiet");
  commitIn(workspace.path, "other.txt", "other");
  expect(await remove(workspace)).toMatchObject({ ok: false, fault: { code: "work-would-be-lost" } });
  const { savedAs } = must(await remove(workspace, true));
  const copy = join(project.trash, ID, "worktree.git");
  expect(savedAs).toContain(copy);
  expect(project.gitIn(copy, "show", `${TRASH}:other.txt`)).toBe("other");
  expect(traces()).toEqual([]);
});

test("a worktree whose link an agent deleted is still looked into", async () => {
  const workspace = await make();
  writeFileSync(join(workspace.path, "work.txt"), "work");
  rmSync(join(workspace.path, ".git"));
  expect(await remove(workspace)).toMatchObject({ ok: false, fault: { message: expect.stringContaining("work.txt") } });
});

test.each<[string, (workspace: WorkspaceRecord) => void]>([
  ["was moved aside", ({ path }) => renameSync(path, join(project.folder, `.overmind/trash-${ID}`))],
  [
    "was moved aside and half deleted",
    ({ path }) => {
      renameSync(path, join(project.folder, `.overmind/trash-${ID}`));
      rmSync(join(project.folder, `.overmind/trash-${ID}/.git`));
    },
  ],
  ["was deleted", ({ path }) => rmSync(path, { recursive: true })],
  [
    "lost its registration",
    ({ path }) => {
      renameSync(path, join(project.folder, `.overmind/trash-${ID}`));
      rmSync(join(project.folder, ".git/worktrees/calm-otter"), { recursive: true });
    },
  ],
  [
    "lost its branch too",
    ({ path, branch }) => {
      rmSync(path, { recursive: true });
      rmSync(join(project.folder, ".git/worktrees/calm-otter"), { recursive: true });
      project.git("branch", "-D", branch);
    },
  ],
])("a removal that a crash cut short is finished: the folder %s", async (_, leave) => {
  const workspace = await make();
  leave(workspace);
  workspaces = project.workspaces();
  expect(must(await remove(workspace))).toEqual({});
  expect(traces()).toEqual([]);
});

test.each<[string, (workspace: WorkspaceRecord) => void]>([
  ["nothing was made", () => {}],
  ["the branch was made", ({ branch, base }) => void project.git("branch", branch, base)],
  [
    "git had registered it",
    ({ path, branch, base }) => void project.git("worktree", "add", "--no-checkout", "-b", branch, path, base),
  ],
])("what was planned and never made goes too: %s", async (_, leave) => {
  const request = {
    sessionId: ID,
    sessionName: "calm-otter",
    folder: project.folder,
    scratch: false,
    withChanges: false,
  };
  const { workspace } = must(await workspaces.plan(request));
  leave(workspace);
  expect(must(await remove(workspace))).toEqual({});
  expect(traces()).toEqual([]);
});

test("another session's worktree at the same place is not touched", async () => {
  const planned = must(
    await workspaces.plan({
      sessionId: ID,
      sessionName: "calm-otter",
      folder: project.folder,
      scratch: false,
      withChanges: false,
    }),
  ).workspace;
  const theirs = must(await project.workspaces().prepare("mnopqrstuvwx", planned));
  expect(must(await remove(planned, true))).toEqual({});
  expect(existsSync(join(theirs.path, "README.md"))).toBe(true);
  expect(project.git("branch", "--list", planned.branch)).toContain("overmind/calm-otter");
});

test("a deletion that a crash cut short is finished with the next one", async () => {
  const workspace = await make();
  mkdirSync(join(project.folder, ".overmind/trash-mnopqrstuvwx/deep"), { recursive: true });
  mkdirSync(join(project.folder, ".overmind/trash-can"));
  must(await remove(workspace));
  expect(readdirSync(join(project.folder, ".overmind"))).toEqual(["trash-can"]);
});

test("a project that was deleted holds nothing to remove", async () => {
  const workspace = await make();
  rmSync(project.folder, { recursive: true });
  expect(must(await workspaces.unsavedWork(workspace))).toEqual([]);
  expect(must(await remove(workspace))).toEqual({});
});

test("a scratch repository begins with an empty commit and nobody's configuration", async () => {
  const workspace = await make(true, "/nowhere");
  expect(workspace).toMatchObject({ kind: "scratch", made: true, cwd: workspace.path, branch: "main" });
  expect(project.gitIn(workspace.path, "log", "--format=%an %s")).toBe("Overmind empty");
  expect(project.gitIn(workspace.path, "status", "--porcelain")).toBe("");
  expect(readFileSync(join(workspace.path, ".git/config"), "utf8")).not.toContain("Overmind");
  expect(must(await project.workspaces().prepare(ID, workspace))).toEqual(workspace);
  expect(project.gitIn(workspace.path, "rev-list", "--count", "HEAD")).toBe("1");
  expect(must(await remove(workspace))).toEqual({});
  expect(readdirSync(project.scratch)).toEqual([]);
});

test("a scratch repository with work is refused, or saved as a copy", async () => {
  const workspace = await make(true);
  const commit = commitIn(workspace.path, "a.txt", "work");
  project.gitIn(workspace.path, "branch", "second");
  writeFileSync(join(workspace.path, "b.txt"), "untracked");
  expect(await remove(workspace)).toMatchObject({
    ok: false,
    fault: {
      code: "work-would-be-lost",
      message: expect.stringMatching(/1 untracked entry: b.txt; 1 commit on no other branch/),
    },
  });
  const copy = join(project.trash, `${ID}.git`);
  expect(must(await remove(workspace, true))).toEqual({ savedAs: copy });
  expect(project.gitIn(copy, "show", `${TRASH}:b.txt`)).toBe("untracked");
  expect(project.gitIn(copy, "rev-parse", "second")).toBe(commit);
  expect(readdirSync(project.scratch)).toEqual([]);
  expect(must(await remove(workspace))).toEqual({ savedAs: copy });
});

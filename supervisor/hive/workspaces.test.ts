import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Fault, Result } from "../../schemas/fault.ts";
import type { WorkspaceRecord } from "../core/session.ts";
import { makeProject, type Project } from "./project.fake.ts";
import type { GitWorkspaces } from "./workspaces.ts";

const ID = "abcdefghijkl";
const OTHER_ID = "mnopqrstuvwx";

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

function faultIn(result: Result<unknown>): Fault {
  if (result.ok) throw new Error(`expected a fault, got ${JSON.stringify(result.value)}`);
  return result.fault;
}

interface PlanOptions {
  readonly sessionId?: string;
  readonly sessionName?: string;
  readonly folder?: string;
  readonly withChanges?: boolean;
}

async function plan(options: PlanOptions = {}) {
  const { sessionId = ID, sessionName = "calm-otter", folder = project.folder, withChanges = false } = options;
  return workspaces.plan({ sessionId, sessionName, folder, scratch: false, withChanges });
}

async function make(options: PlanOptions = {}): Promise<WorkspaceRecord> {
  const planned = must(await plan(options));
  return must(await workspaces.prepare(options.sessionId ?? ID, planned.workspace));
}

function status(folder: string): string {
  return project.gitIn(folder, "status", "--porcelain=v1", "-z", "--untracked-files=all");
}

test("a plan makes nothing", async () => {
  const before = [project.git("for-each-ref"), project.git("worktree", "list"), readdirSync(project.folder).join()];
  const { workspace, warnings } = must(await plan());
  expect(warnings).toEqual([]);
  expect(workspace).toMatchObject({
    kind: "worktree",
    project: project.folder,
    path: join(project.folder, ".overmind/worktrees/calm-otter"),
    branch: "overmind/calm-otter",
    base: project.git("rev-parse", "HEAD"),
    made: false,
  });
  expect([project.git("for-each-ref"), project.git("worktree", "list"), readdirSync(project.folder).join()]).toEqual(
    before,
  );
});

test("a worktree has the commit's files on a branch of its own, and the checkout shows no trace of it", async () => {
  const workspace = await make();
  expect(readFileSync(join(workspace.path, "src/app.ts"), "utf8")).toBe("one\n");
  expect(project.gitIn(workspace.path, "branch", "--show-current")).toBe("overmind/calm-otter");
  expect(status(workspace.path)).toBe("");
  expect(status(project.folder)).toBe("");
  expect(project.git("diff", "HEAD")).toBe("");
  await make({ sessionId: OTHER_ID, sessionName: "bold-lynx" });
  const excluded = readFileSync(join(project.folder, ".git/info/exclude"), "utf8");
  expect(excluded.match(/^\/\.overmind\/$/gm)).toHaveLength(1);
});

test("preparing twice is preparing once, and what is in the worktree stays", async () => {
  const planned = must(await plan()).workspace;
  const first = must(await workspaces.prepare(ID, planned));
  writeFileSync(join(first.path, "new.txt"), "kept");
  const second = must(await project.workspaces().prepare(ID, planned));
  expect(second).toEqual(first);
  expect(readFileSync(join(first.path, "new.txt"), "utf8")).toBe("kept");
});

test.each<[string, (workspace: WorkspaceRecord) => void]>([
  ["the branch alone", ({ branch, base }) => void project.git("branch", branch, base)],
  ["an empty folder", ({ path }) => void mkdirSync(path, { recursive: true })],
  [
    "a worktree without our mark and without files",
    ({ path, branch, base }) => void project.git("worktree", "add", "--no-checkout", "-b", branch, path, base),
  ],
  [
    "a registration whose folder is gone",
    ({ path, branch, base }) => {
      project.git("worktree", "add", "--no-checkout", "-b", branch, path, base);
      rmSync(path, { recursive: true });
    },
  ],
  [
    "a folder whose registration is gone",
    ({ path, branch, base }) => {
      project.git("worktree", "add", "--no-checkout", "-b", branch, path, base);
      rmSync(join(project.folder, ".git/worktrees"), { recursive: true });
    },
  ],
  [
    "a marked worktree in the middle of its checkout",
    ({ path, branch, base }) => {
      project.git("worktree", "add", "-b", branch, path, base);
      writeFileSync(
        join(project.folder, ".git/worktrees/calm-otter/overmind-session"),
        JSON.stringify({ sessionId: ID, ready: false }),
      );
      rmSync(join(path, "src"), { recursive: true });
    },
  ],
])("what a crash left is finished: %s", async (_, leave) => {
  const planned = must(await plan()).workspace;
  leave(planned);
  const made = must(await project.workspaces().prepare(ID, planned));
  expect(readFileSync(join(made.path, "src/app.ts"), "utf8")).toBe("one\n");
  expect(status(made.path)).toBe("");
  expect(project.gitIn(made.path, "branch", "--show-current")).toBe(planned.branch);
});

test("what is not ours is left alone, and said", async () => {
  const planned = must(await plan()).workspace;
  mkdirSync(planned.path, { recursive: true });
  writeFileSync(join(planned.path, "somebody.txt"), "theirs");
  expect(faultIn(await workspaces.prepare(ID, planned))).toMatchObject({ code: "conflict", retryable: false });
  expect(must(await workspaces.remove(ID, planned, { force: true }))).toEqual({});
  expect(readFileSync(join(planned.path, "somebody.txt"), "utf8")).toBe("theirs");
});

test("a branch that somebody else made meanwhile is not taken", async () => {
  const planned = must(await plan()).workspace;
  project.write("two.txt", "2");
  project.git("checkout", "--quiet", "-b", planned.branch);
  project.commit("theirs");
  project.git("checkout", "--quiet", "main");
  expect(faultIn(await workspaces.prepare(ID, planned)).code).toBe("conflict");
  expect(must(await workspaces.remove(ID, planned, { force: false }))).toEqual({});
  expect(project.git("branch", "--list", planned.branch)).not.toBe("");
});

test("a name is never used twice: neither of a branch, nor of a folder, nor of a plan", async () => {
  project.git("branch", "overmind/calm-otter");
  mkdirSync(join(project.folder, ".overmind/worktrees/calm-otter-2"), { recursive: true });
  expect(must(await plan()).workspace.branch).toBe("overmind/calm-otter-3");
  const second = must(await plan({ sessionId: OTHER_ID })).workspace;
  expect(second.branch).toBe("overmind/calm-otter-4");
  expect(second.path).toBe(join(project.folder, ".overmind/worktrees/calm-otter-4"));
});

test("a session's name that is no branch's name becomes one", async () => {
  expect(must(await plan({ sessionName: "a..b.lock" })).workspace.branch).toBe("overmind/a.b-lock");
});

test("fifty worktrees at once are fifty worktrees", async () => {
  const ids = Array.from(
    { length: 50 },
    (_, at) => `session${"abcdefghijklmnopqrstuvwxyz234567"[at % 32]}${"ab"[Math.floor(at / 32)]}xyz`,
  );
  const made = await Promise.all(ids.map((sessionId) => make({ sessionId, sessionName: sessionId })));
  expect(project.git("worktree", "list").split("\n")).toHaveLength(51);
  for (const workspace of made) expect(readFileSync(join(workspace.path, "README.md"), "utf8")).toBe("a project\n");
});

test("the session starts in the subfolder that was named", async () => {
  expect((await make({ folder: join(project.folder, "src") })).cwd).toBe(
    join(project.folder, ".overmind/worktrees/calm-otter/src"),
  );
  mkdirSync(join(project.folder, "only here"));
  const planned = must(await plan({ sessionId: OTHER_ID, folder: join(project.folder, "only here") }));
  expect(planned.workspace.cwd).toBe(planned.workspace.path);
  expect(planned.warnings.join()).toContain("only here is not in the commit");
});

test("from inside a worktree: based on its commit, and lying beside it, never in it", async () => {
  const outer = await make();
  writeFileSync(join(outer.path, "agent.txt"), "work");
  project.gitIn(outer.path, "add", ".");
  project.gitIn(outer.path, "commit", "--quiet", "--message", "agent's");
  const inner = await make({ sessionId: OTHER_ID, sessionName: "inner", folder: outer.path });
  expect(inner.path).toBe(join(project.folder, ".overmind/worktrees/inner"));
  expect(inner.base).toBe(project.gitIn(outer.path, "rev-parse", "HEAD"));
  expect(existsSync(join(inner.path, "agent.txt"))).toBe(true);
});

test("from a detached HEAD: based on the commit", async () => {
  project.write("two.txt", "2");
  project.commit("second");
  project.git("checkout", "--quiet", "HEAD~1");
  const workspace = await make();
  expect(workspace.base).toBe(project.git("rev-parse", "HEAD"));
  expect(existsSync(join(workspace.path, "two.txt"))).toBe(false);
});

test("a checkout whose git folder lies elsewhere", async () => {
  const elsewhere = join(project.root, "elsewhere");
  project.gitIn(
    project.root,
    "clone",
    "--quiet",
    "--separate-git-dir",
    join(project.root, "git folder"),
    project.folder,
    elsewhere,
  );
  const workspace = await make({ folder: elsewhere });
  expect(workspace.path).toBe(join(elsewhere, ".overmind/worktrees/calm-otter"));
  expect(status(elsewhere)).toBe("");
  expect(must(await workspaces.remove(ID, workspace, { force: false }))).toEqual({});
});

test.each<[string, () => string, Partial<Fault>]>([
  [
    "no repository",
    () => project.root,
    { code: "not-a-repository", hint: expect.stringContaining("--scratch") as never },
  ],
  ["no such folder", () => join(project.root, "nowhere"), { code: "folder-not-found" }],
  ["a file", () => join(project.folder, "README.md"), { code: "folder-not-found" }],
  ["git's own folder", () => join(project.folder, ".git"), { code: "not-a-repository" }],
  [
    "no commit yet",
    () => {
      project.gitIn(project.root, "init", "--quiet", "unborn");
      return join(project.root, "unborn");
    },
    { code: "not-a-repository", hint: expect.stringContaining("commit first") as never },
  ],
  [
    "a bare repository",
    () => {
      project.gitIn(project.root, "clone", "--quiet", "--bare", project.folder, "bare.git");
      return join(project.root, "bare.git");
    },
    { code: "not-a-repository", message: expect.stringContaining("bare") as never },
  ],
  [
    "a worktree of a bare repository",
    () => {
      project.gitIn(project.root, "clone", "--quiet", "--bare", project.folder, "bare.git");
      project.gitIn(join(project.root, "bare.git"), "worktree", "add", "--quiet", join(project.root, "linked"));
      return join(project.root, "linked");
    },
    { code: "not-a-repository", message: expect.stringContaining("bare") as never },
  ],
  [
    "a branch in the way",
    () => {
      project.git("branch", "overmind");
      return project.folder;
    },
    { code: "conflict", hint: expect.stringContaining("git branch -m") as never },
  ],
])("refused with what to do: %s", async (_, folder, expected) => {
  expect(faultIn(await plan({ folder: folder() }))).toMatchObject(expected);
});

test("uncommitted changes are named, and stay where they are", async () => {
  project.write("README.md", "changed");
  project.write("new.txt", "new");
  const { workspace, warnings } = must(await plan());
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^1 changed file and 1 untracked entry of .* are not in the session's worktree/);
  const made = must(await workspaces.prepare(ID, workspace));
  expect(readFileSync(join(made.path, "README.md"), "utf8")).toBe("a project\n");
});

test("with changes: staged, unstaged and untracked work comes over exactly", async () => {
  for (const name of ["staged", "unstaged", "both", "gone", "gone-staged", "old-name", "mode", "re-added"]) {
    project.write(`${name}.txt`, `${name}\n${"x\n".repeat(20)}`);
  }
  project.write("räksmörgås dir/å.txt", "å\n");
  symlinkSync("staged.txt", join(project.folder, "link"));
  project.commit("more");
  project.write("staged.txt", "staged now\n");
  project.write("both.txt", "first\n");
  project.git("mv", "old-name.txt", "new name.txt");
  project.git("rm", "--quiet", "gone-staged.txt");
  project.git("rm", "--quiet", "--cached", "re-added.txt");
  project.write("added.txt", "added\n");
  project.git("add", "staged.txt", "both.txt", "added.txt");
  project.write("both.txt", "second\n");
  project.write("unstaged.txt", "unstaged now\n");
  project.write("untracked/deep/ü.txt", "untracked\n");
  project.write("räksmörgås dir/å.txt", "ändrad\n");
  rmSync(join(project.folder, "gone.txt"));
  chmodSync(join(project.folder, "mode.txt"), 0o755);
  rmSync(join(project.folder, "link"));
  symlinkSync("both.txt", join(project.folder, "link"));
  symlinkSync("nowhere", join(project.folder, "dangling"));
  const before = status(project.folder);
  const { workspace, warnings } = must(await plan({ withChanges: true }));
  expect(warnings).toEqual([]);
  expect(status(project.folder)).toBe(before);
  const made = must(await workspaces.prepare(ID, workspace));
  expect(status(made.path)).toBe(before);
  expect(project.gitIn(made.path, "diff")).toBe(project.git("diff"));
  expect(project.gitIn(made.path, "diff", "--cached")).toBe(project.git("diff", "--cached"));
  expect(readFileSync(join(made.path, "untracked/deep/ü.txt"), "utf8")).toBe("untracked\n");
  expect(project.gitIn(made.path, "rev-parse", "HEAD")).toBe(project.git("rev-parse", "HEAD"));
});

test("carried work outlives a garbage collection, and is begun again after a crash", async () => {
  project.write("new.txt", "new\n");
  const planned = must(await plan({ withChanges: true })).workspace;
  const made = must(await workspaces.prepare(ID, planned));
  rmSync(made.path, { recursive: true });
  writeFileSync(
    join(project.folder, ".git/worktrees/calm-otter/overmind-session"),
    JSON.stringify({ sessionId: ID, ready: false }),
  );
  project.git("gc", "--quiet", "--prune=now");
  const again = must(await project.workspaces().prepare(ID, planned));
  expect(readFileSync(join(again.path, "new.txt"), "utf8")).toBe("new\n");
  expect(status(again.path)).toBe("?? new.txt\0");
});

test("what cannot be carried is said", async () => {
  project.gitIn(project.folder, "init", "--quiet", "nested");
  const { workspace, warnings } = must(await plan({ withChanges: true }));
  expect(warnings.join()).toContain("nested/ is a repository of its own");
  expect(workspace.changes).toBeUndefined();
  rmSync(join(project.folder, "nested"), { recursive: true });
  project.git("checkout", "--quiet", "-b", "left");
  project.write("README.md", "left\n");
  project.commit("left");
  project.git("checkout", "--quiet", "main");
  project.write("README.md", "right\n");
  project.commit("right");
  expect(() => project.git("merge", "left")).toThrow();
  expect(faultIn(await plan({ withChanges: true }))).toMatchObject({ code: "conflict" });
});

test("files get the umask that agents are to have, whatever the supervisor's own is", async () => {
  const before = process.umask(0o077);
  try {
    const { Git } = await import("./git.ts");
    const { GitWorkspaces } = await import("./workspaces.ts");
    const { scratch, trash, environment } = project;
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    workspaces = new GitWorkspaces({ git: new Git(environment, 0o022), scratch, trash, log });
    const made = await make();
    const { statSync } = await import("node:fs");
    expect(statSync(join(made.path, "README.md")).mode & 0o777).toBe(0o644);
    expect(process.umask()).toBe(0o077);
  } finally {
    process.umask(before);
  }
});

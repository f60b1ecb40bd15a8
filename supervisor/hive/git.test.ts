import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Git, gitFailure } from "./git.ts";
import { makeProject, type Project } from "./project.fake.ts";

let project: Project;
let git: Git;
beforeEach(() => {
  project = makeProject();
  git = new Git(project.environment, undefined);
});
afterEach(() => project.close());

test("what git says when it fails, with its exit code", async () => {
  const ran = await git.run(project.folder, ["rev-parse", "--verify", "nothing"]);
  if (ran.ok) throw new Error("it did not fail");
  expect(ran.fault).toMatchObject({ code: "git-failed", retryable: false });
  expect(ran.fault.message).toBe("git rev-parse nothing: fatal: Needed a single revision");
  expect(gitFailure(ran.fault).exitCode).toBe(128);
});

test("no git, or no folder, is said to be so", async () => {
  expect(await git.run(join(project.root, "nowhere"), ["status"])).toMatchObject({
    ok: false,
    fault: { code: "git-failed" },
  });
  const nowhere = new Git({ PATH: join(project.root, "nowhere") }, undefined);
  expect(await nowhere.run(project.folder, ["status"])).toMatchObject({
    ok: false,
    fault: { code: "git-failed", message: expect.stringContaining("no git in PATH") },
  });
});

test("variables that name another place are not passed on", async () => {
  const misled = new Git({ ...project.environment, GIT_DIR: "/nowhere", GIT_INDEX_FILE: "/nowhere/index" }, undefined);
  expect(await misled.line(project.folder, ["rev-parse", "--show-toplevel"])).toEqual({
    ok: true,
    value: project.folder,
  });
});

test("a lock that another git holds is waited for", async () => {
  const lock = join(project.folder, ".git/refs/heads/new.lock");
  writeFileSync(lock, "");
  const updated = git.run(project.folder, ["update-ref", "refs/heads/new", "HEAD"]);
  setTimeout(() => rmSync(lock), 120);
  expect(await updated).toMatchObject({ ok: true });
  expect(project.git("rev-parse", "new")).toBe(project.git("rev-parse", "HEAD"));
});

test("no hook of the repository runs", async () => {
  const hook = join(project.folder, ".git/hooks/post-checkout");
  writeFileSync(hook, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const folder = join(project.root, "linked");
  expect(await git.run(project.folder, ["worktree", "add", "-b", "linked", folder])).toMatchObject({ ok: true });
});

test("work on one repository is done one at a time, also after work that failed", async () => {
  const steps: string[] = [];
  const work = (name: string) => async () => {
    steps.push(`${name} begins`);
    await git.run(project.folder, ["status"]);
    steps.push(`${name} ends`);
    if (name === "a") throw new Error("a fails");
  };
  const all = await Promise.allSettled(["a", "b"].map((name) => git.serialised("repository", work(name))));
  expect(all.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  expect(steps).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});

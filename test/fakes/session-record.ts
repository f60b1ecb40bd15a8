import type { Observed, SessionRecord, SessionSpec } from "../../supervisor/core/session.ts";

/** A session as `run` records it, with what the test says instead. */
export function sessionRecord(
  given: Partial<Omit<SessionRecord, "spec" | "observed">> & {
    readonly spec?: Partial<SessionSpec>;
    readonly observed?: Partial<Observed>;
  } = {},
): SessionRecord {
  const id = given.id ?? "abcdefghijkl";
  return {
    id,
    name: "calm-otter",
    hiveId: "hive-memory",
    colony: "default",
    labels: {},
    createdAtMs: 1_000,
    token: `token-of-${id}`,
    workspace: {
      kind: "worktree",
      project: "/project",
      path: `/project/.overmind/worktrees/${id}`,
      cwd: `/project/.overmind/worktrees/${id}`,
      gitDirectory: "/project/.git",
      branch: "calm-otter",
      base: "0123456789abcdef0123456789abcdef01234567",
      made: false,
    },
    desired: { state: "running" },
    revision: 0,
    ...given,
    spec: {
      argv: ["worker", "--once"],
      agent: "worker",
      environment: { PATH: "/usr/bin", SECRET: "not for listings" },
      askedVariables: [],
      stdio: "terminal",
      columns: 120,
      rows: 30,
      graceMs: 10_000,
      keepChildren: false,
      removeWhenEnded: false,
      restart: { policy: "never", maxRestarts: 5, backoffMs: 1_000 },
      priority: 0,
      ...given.spec,
    },
    observed: { phase: "PENDING", reason: "asked for", attempt: 0, restarts: 0, ...given.observed },
  };
}

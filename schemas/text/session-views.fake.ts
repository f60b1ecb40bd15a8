/** Sessions as clients see them, for tests. */
import type { SessionView } from "../session-view.ts";

export function sessionView(change: Partial<SessionView> = {}): SessionView {
  return {
    id: `id-${change.name ?? "calm-otter"}`,
    name: "calm-otter",
    phase: "RUNNING",
    activity: "working",
    reason: "started as process 42",
    agent: "sh",
    argv: ["sh", "-c", "echo hello"],
    project: "/home/ada/project",
    colony: "default",
    labels: {},
    parentId: null,
    hiveId: "hive",
    attempt: 1,
    restarts: 0,
    restart: { policy: "never", maxRestarts: 5, windowMs: null, backoffMs: 1000, counted: 0 },
    nextStartAt: null,
    activityTimeoutMs: null,
    priority: 0,
    queuedMessages: 0,
    attached: 0,
    pid: 42,
    createdAt: "2026-11-24T12:00:00.000Z",
    startedAt: "2026-11-24T12:00:01.000Z",
    endedAt: null,
    exit: null,
    workspace: {
      kind: "worktree",
      path: "/home/ada/project/.overmind/worktrees/calm-otter",
      cwd: "/home/ada/project/.overmind/worktrees/calm-otter",
      branch: "overmind/calm-otter",
      base: "4df73e8",
    },
    environmentNames: ["PATH", "SECRET"],
    usage: null,
    ...change,
  };
}

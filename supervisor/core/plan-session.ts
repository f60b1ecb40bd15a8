/** What to do next about one session: a pure function of what is wanted, what is recorded and what was just seen. */
import { formatDelay } from "../../schemas/duration.ts";
import { MEMORY_RECHECK_MS } from "./admission.ts";
import { planEnding, planHostLost, planLeftBehind, sameProcess } from "./plan-ending.ts";
import { type Desired, hasEnded, type Observed, type SessionRecord, startAsked, type TreeMember } from "./session.ts";
import type { SessionAction, SessionFacts } from "./session-action.ts";
import { NOT_WAITING, startNow } from "./start-now.ts";

/** A command that ends at once is gone before whoever started it can ask for what it wrote. */
const FIRST_READER_PATIENCE_MS = 2_000;
/** A session that removes itself keeps its log so long for whoever still reads it, and no longer: a reader may be stuck. */
const LAST_READERS_PATIENCE_MS = 30_000;
/** A process that is stuck in the kernel tells nobody when it ends. */
const LEFTOVERS_RECHECK_MS = 1_000;
const REST: SessionAction = { type: "rest" };

export function planSession(session: SessionRecord, facts: SessionFacts): SessionAction {
  const { observed, desired } = session;
  if (hasEnded(observed.phase)) return planEnded(session, facts);
  if (observed.phase === "PENDING" || observed.phase === "BACKOFF") return planWaiting(session, facts);
  const otherHost = observed.attempt > 0 && observed.hostId !== undefined && observed.hostId !== facts.hostId;
  // A start that was decided on under one host may be made by the next: what the present host knows is not lost.
  const hostLost = otherHost && facts.main.state === "unknown";
  // An exit that was recorded before the host died stands: only what was left behind is still to be ended.
  if (hostLost && observed.exit === undefined) return planHostLost(session, facts);
  if (facts.main.state === "exited" && observed.exit === undefined) return recordExit(session, facts, facts.main);
  if (observed.ending !== undefined) return planEnding(session, observed.ending, facts);
  if (observed.exit !== undefined) return planLeftBehind(session, observed.exit, facts);
  if (desired.state !== "running") return planStop(session, desired, facts);
  if (startAsked(session)) return planRestart(session, facts);
  switch (observed.phase) {
    case "STARTING":
      return planStart(session, facts);
    case "RUNNING":
      return planRunning(session, facts);
    case "STOPPING":
    case "COMPLETED":
    case "CRASHED":
    case "STOPPED":
    case "LOST":
      return REST;
  }
}

/** In line for a place, or waiting until its next start is due. Nothing of it lives. */
function planWaiting(session: SessionRecord, facts: SessionFacts): SessionAction {
  const { observed, desired } = session;
  if (desired.state !== "running") return planStop(session, desired, facts);
  // While the host remembers an exit it cannot end, and the next attempt would hide it.
  if (facts.main.state === "exited") {
    return observed.exit === undefined
      ? { type: "record", set: { exit: facts.main.exit } }
      : { type: "acknowledge-exit" };
  }
  const dueAtMs = observed.phase === "BACKOFF" && !startAsked(session) ? (observed.nextStartAtMs ?? 0) : 0;
  if (facts.nowMs < dueAtMs) return { type: "wait", untilMs: dueAtMs };
  // A person may ask for a start while something of the last attempt is stuck: two agents in one worktree must never be.
  if (startAsked(session) && observed.attempt > 0) {
    if (facts.tree === undefined) return { type: "look-for-tree" };
    const left = facts.tree.find((member) => !session.spec.keepChildren || mayBeMain(observed, facts, member));
    if (left !== undefined) return waitForLeftovers(session, facts, left);
  }
  const { place } = facts;
  if (place.free) return startNow(session, observed.attempt === 0 ? "a place is free" : "starts again");
  if (observed.phase === "PENDING" && observed.waitsFor === place.waitsFor) {
    return place.waitsFor === "memory" ? { type: "wait", untilMs: facts.nowMs + MEMORY_RECHECK_MS } : REST;
  }
  return {
    type: "transition",
    to: "PENDING",
    reason: place.reason,
    evidence: {},
    set: {
      waitsFor: place.waitsFor,
      ...(observed.phase === "BACKOFF" ? { queuedAtMs: facts.nowMs, nextStartAtMs: null } : {}),
    },
  };
}

function waitForLeftovers(session: SessionRecord, { nowMs }: SessionFacts, left: TreeMember): SessionAction {
  const { observed } = session;
  if (observed.phase === "PENDING" && observed.waitsFor === "leftovers") {
    return { type: "wait", untilMs: nowMs + LEFTOVERS_RECHECK_MS };
  }
  return {
    type: "transition",
    to: "PENDING",
    reason: `waits for a process of its last attempt that cannot be ended: ${left.pid} ${left.command}`,
    evidence: { left },
    set: { waitsFor: "leftovers", nextStartAtMs: null },
  };
}

/** A main process whose start nobody recorded before its host died cannot be told from its children. */
function mayBeMain({ main }: Observed, facts: SessionFacts, member: TreeMember): boolean {
  const known = main ?? (facts.main.state === "unknown" ? undefined : facts.main.identity);
  return known === undefined || sameProcess(known, member);
}

function planStart(session: SessionRecord, facts: SessionFacts): SessionAction {
  if (!session.workspace.made) return { type: "prepare-workspace" };
  if (facts.main.state !== "running") return { type: "start-main", attempt: Math.max(1, session.observed.attempt) };
  return started(session, facts, facts.main);
}

function started(
  session: SessionRecord,
  facts: SessionFacts,
  main: Exclude<SessionFacts["main"], { state: "unknown" }>,
): SessionAction {
  return {
    type: "transition",
    to: "RUNNING",
    reason: `started as process ${main.identity.pid}`,
    evidence: { pid: main.identity.pid, attempt: session.observed.attempt },
    set: { main: main.identity, startedAtMs: main.startedAtMs, hostId: facts.hostId },
  };
}

/** A program that has written nothing for too long is ended; its rule says what then. */
function planRunning({ spec }: SessionRecord, { nowMs, quietMs }: SessionFacts): SessionAction {
  const { activityTimeoutMs } = spec;
  if (activityTimeoutMs === undefined || quietMs === undefined) return REST;
  if (quietMs < activityTimeoutMs) return { type: "wait", untilMs: nowMs + activityTimeoutMs - quietMs };
  return {
    type: "transition",
    to: "STOPPING",
    reason: `no output for ${formatDelay(activityTimeoutMs)}`,
    evidence: { quietMs: Math.round(quietMs), activityTimeoutMs },
    set: { ending: { cause: "stalled", ended: [] } },
  };
}

/** The exit is recorded as soon as it is seen: the host may die while what was left behind is being ended. */
function recordExit(
  session: SessionRecord,
  facts: SessionFacts,
  main: SessionFacts["main"] & { readonly state: "exited" },
): SessionAction {
  if (session.observed.phase === "STARTING") return started(session, facts, main);
  return { type: "record", set: { exit: main.exit, endedAtMs: main.atMs } };
}

function planStop(
  session: SessionRecord,
  desired: Exclude<Desired, { state: "running" }>,
  facts: SessionFacts,
): SessionAction {
  if (desired.childrenFirst && facts.busyChildren > 0) return REST;
  if (session.observed.attempt === 0) {
    return {
      type: "transition",
      to: "STOPPED",
      reason: `stopped before it started, asked for by ${desired.by}`,
      evidence: {},
      set: { ...NOT_WAITING, endedAtMs: facts.nowMs },
    };
  }
  // One that waits to start again has nothing left but what it was told to leave behind.
  return {
    type: "transition",
    to: "STOPPING",
    reason: `${desired.mode} asked for by ${desired.by}`,
    evidence: { graceMs: desired.mode === "kill" ? 0 : desired.graceMs },
    set: { ...NOT_WAITING, ending: { cause: "asked", ended: [] } },
  };
}

/** What runs is ended first. One that has not been made yet is as good as new. */
function planRestart(session: SessionRecord, facts: SessionFacts): SessionAction {
  const { desired, observed } = session;
  if (desired.state !== "running" || desired.restart === undefined) return REST;
  if (observed.attempt === 0) return planStart(session, facts);
  return {
    type: "transition",
    to: "STOPPING",
    reason: `restart asked for by ${desired.restart.by}`,
    evidence: { graceMs: desired.restart.graceMs },
    set: { ending: { cause: "restart", ended: [] } },
  };
}

function planEnded(session: SessionRecord, facts: SessionFacts): SessionAction {
  const { desired, spec, observed } = session;
  if (facts.main.state === "exited") {
    // One that was stuck in the kernel may end after its session did: how it ended is kept all the same.
    if (observed.exit === undefined) return { type: "record", set: { exit: facts.main.exit } };
    return { type: "acknowledge-exit" };
  }
  if (desired.state === "removed") {
    return desired.childrenFirst && facts.busyChildren > 0 ? REST : { type: "remove", force: desired.force };
  }
  if (startAsked(session) && desired.state === "running" && desired.restart !== undefined) {
    return {
      type: "transition",
      to: "PENDING",
      reason: `restart asked for by ${desired.restart.by}`,
      evidence: {},
      set: { queuedAtMs: facts.nowMs, fault: null },
    };
  }
  // Its children know whose they are by its record.
  if (!spec.removeWhenEnded || observed.fault !== undefined || facts.busyChildren > 0) return REST;
  const keptMs = facts.logReaders > 0 ? LAST_READERS_PATIENCE_MS : FIRST_READER_PATIENCE_MS;
  const untilMs = (observed.endedAtMs ?? 0) + keptMs;
  if (facts.nowMs < untilMs) return { type: "wait", untilMs };
  return { type: "remove", force: false };
}

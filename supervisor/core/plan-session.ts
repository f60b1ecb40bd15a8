/** What to do next about one session: a pure function of what is wanted, what is recorded and what was just seen. */

import type { Fault } from "../../schemas/fault.ts";
import type { ExitPayload } from "../../schemas/segment.ts";
import { signalNumber } from "../../schemas/signals.ts";
import { shortCommand } from "../../schemas/text/short-command.ts";
import {
  type Desired,
  type Ending,
  hasEnded,
  type Phase,
  type ProcessIdentity,
  type SessionRecord,
  type TreeMember,
} from "./session.ts";

/** What this tick saw. A `main` of another attempt is not reported here. */
export interface SessionFacts {
  readonly nowMs: number;
  /** The process host that answers now. */
  readonly hostId: string;
  /** The session's main process as that host knows it. */
  readonly main:
    | { readonly state: "unknown" }
    | { readonly state: "running"; readonly identity: ProcessIdentity; readonly startedAtMs: number }
    | {
        readonly state: "exited";
        readonly identity: ProcessIdentity;
        readonly startedAtMs: number;
        readonly exit: ExitPayload;
        readonly atMs: number;
      };
  /** Living members of the session's tree; undefined when they have not been looked for in this tick. */
  readonly tree: readonly TreeMember[] | undefined;
}

/** One step. The controller applies it and looks again; each may be repeated without harm. */
export type SessionAction =
  | {
      readonly type: "transition";
      readonly to: Phase;
      readonly reason: string;
      readonly evidence: Readonly<Record<string, unknown>>;
      readonly set: ObservedChange;
    }
  /** Observed fields alone, without a change of phase. */
  | { readonly type: "record"; readonly set: ObservedChange }
  | { readonly type: "prepare-workspace" }
  | { readonly type: "start-main"; readonly attempt: number }
  /** Look for the tree's living members and plan again. */
  | { readonly type: "look-for-tree" }
  | { readonly type: "signal-tree"; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly type: "acknowledge-exit" }
  | { readonly type: "remove"; readonly force: boolean }
  /** Nothing to do before this time. */
  | { readonly type: "wait"; readonly untilMs: number }
  /** Nothing to do until something is told. */
  | { readonly type: "rest" };

/** Observed fields that an action sets; null clears one. */
export interface ObservedChange {
  readonly attempt?: number;
  readonly hostId?: string | null;
  readonly main?: ProcessIdentity | null;
  readonly startedAtMs?: number | null;
  readonly endedAtMs?: number | null;
  readonly exit?: ExitPayload | null;
  readonly ending?: Ending | null;
  readonly fault?: Fault | null;
}

/** How long after a SIGKILL the tree is looked at again: the kernel needs a moment to take a process away. */
const KILL_RECHECK_MS = 50;
/** How often a tree that has been asked to end is looked at: its members end without telling us. */
const ENDING_RECHECK_MS = 100;
/** A process that SIGKILL has not ended for so long is stuck in the kernel: it is named and no longer waited for. */
const KILL_PATIENCE_MS = 10_000;
/** Of a command in the reason of an end: its place is one line. */
const LEFT_BEHIND_COLUMNS = 40;

export function planSession(session: SessionRecord, facts: SessionFacts): SessionAction {
  const { observed, desired } = session;
  if (hasEnded(observed.phase)) return planEnded(session, facts);
  const otherHost = observed.attempt > 0 && observed.hostId !== undefined && observed.hostId !== facts.hostId;
  // A start that was decided on under one host may be made by the next: what the present host knows is not lost.
  const hostLost = otherHost && facts.main.state === "unknown";
  // An exit that was recorded before the host died stands: only what was left behind is still to be ended.
  if (hostLost && observed.exit === undefined) return planHostLost(session, facts);
  if (facts.main.state === "exited" && observed.exit === undefined) return recordExit(session, facts, facts.main);
  if (observed.ending !== undefined) return planEnding(session, observed.ending, facts);
  if (observed.exit !== undefined) return planLeftBehind(session, observed.exit, facts);
  if (desired.state !== "running") return planStop(session, desired, facts);
  switch (observed.phase) {
    case "PENDING":
      return { type: "transition", to: "STARTING", reason: "a place is free", evidence: {}, set: {} };
    case "STARTING":
    case "BACKOFF":
      return planStart(session, facts);
    case "RUNNING":
    case "STOPPING":
    case "COMPLETED":
    case "CRASHED":
    case "STOPPED":
    case "LOST":
      return { type: "rest" };
  }
}

function planStart(session: SessionRecord, facts: SessionFacts): SessionAction {
  if (!session.workspace.made) return { type: "prepare-workspace" };
  if (facts.main.state !== "running") return { type: "start-main", attempt: Math.max(1, session.observed.attempt) };
  return started(session, facts, facts.main);
}

function started(
  session: SessionRecord,
  facts: SessionFacts,
  main: { readonly identity: ProcessIdentity; readonly startedAtMs: number },
): SessionAction {
  return {
    type: "transition",
    to: "RUNNING",
    reason: `started as process ${main.identity.pid}`,
    evidence: { pid: main.identity.pid, attempt: session.observed.attempt },
    set: { main: main.identity, startedAtMs: main.startedAtMs, hostId: facts.hostId },
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

/** The main process has ended and nobody has looked yet at what it left. */
function planLeftBehind(session: SessionRecord, exit: ExitPayload, facts: SessionFacts): SessionAction {
  const ending: Ending = { cause: session.desired.state === "running" ? "left-behind" : "asked", ended: [] };
  if (ending.cause === "left-behind" && session.spec.keepChildren) return finish(session, ending, facts, []);
  if (facts.tree === undefined) return { type: "look-for-tree" };
  if (facts.tree.length === 0) return finish(session, ending, facts, []);
  return {
    type: "transition",
    to: "STOPPING",
    reason: `main process ${describeExit(exit)}; it left ${count(facts.tree.length)} behind`,
    evidence: { ...exit, leftBehind: facts.tree },
    set: { ending },
  };
}

function planStop(
  session: SessionRecord,
  desired: Exclude<Desired, { state: "running" }>,
  facts: SessionFacts,
): SessionAction {
  if (session.observed.attempt === 0) {
    return {
      type: "transition",
      to: "STOPPED",
      reason: `stopped before it started, asked for by ${desired.by}`,
      evidence: {},
      set: { endedAtMs: facts.nowMs },
    };
  }
  return {
    type: "transition",
    to: "STOPPING",
    reason: `${desired.mode} asked for by ${desired.by}`,
    evidence: { graceMs: desired.mode === "kill" ? 0 : desired.graceMs },
    set: { ending: { cause: "asked", ended: [] } },
  };
}

function planEnding(session: SessionRecord, ending: Ending, facts: SessionFacts): SessionAction {
  if (facts.tree === undefined) return { type: "look-for-tree" };
  const alive = facts.tree;
  if (facts.main.state !== "running" && alive.length === 0) return finish(session, ending, facts, []);
  if (ending.killedAtMs !== undefined) {
    if (facts.nowMs - ending.killedAtMs > KILL_PATIENCE_MS) return finish(session, ending, facts, alive);
    const unsignalled = alive.some((member) => !ending.ended.some((one) => sameProcess(one, member)));
    if (unsignalled) return { type: "signal-tree", signal: "SIGKILL" };
    return { type: "wait", untilMs: facts.nowMs + KILL_RECHECK_MS };
  }
  if (endsAtOnce(session, ending)) return { type: "signal-tree", signal: "SIGKILL" };
  if (ending.terminatedAtMs === undefined) return { type: "signal-tree", signal: "SIGTERM" };
  const deadline = ending.terminatedAtMs + graceOf(session);
  if (facts.nowMs >= deadline) return { type: "signal-tree", signal: "SIGKILL" };
  return { type: "wait", untilMs: Math.min(deadline, facts.nowMs + ENDING_RECHECK_MS) };
}

function endsAtOnce(session: SessionRecord, ending: Ending): boolean {
  if (ending.cause === "host-lost") return true;
  return session.desired.state !== "running" && session.desired.mode === "kill";
}

function graceOf(session: SessionRecord): number {
  return session.desired.state === "running" ? session.spec.graceMs : session.desired.graceMs;
}

/** The tree is gone (or stuck in the kernel): the phase that people see. */
function finish(
  session: SessionRecord,
  ending: Ending,
  facts: SessionFacts,
  stuck: readonly TreeMember[],
): SessionAction {
  const { observed, desired } = session;
  const exit = observed.exit;
  const evidence = {
    ...(exit === undefined ? {} : { code: exit.code, signal: exit.signal }),
    ...(ending.ended.length === 0 ? {} : { ended: ending.ended }),
    ...(stuck.length === 0 ? {} : { stuck }),
  };
  const set: ObservedChange = { endedAtMs: observed.endedAtMs ?? facts.nowMs, ending: null };
  const left = ending.cause === "left-behind" ? leftBehind(ending, session) : "";
  if (ending.cause === "host-lost") {
    const reason = `its process host died; ${ending.ended.length === 0 ? "nothing of it was left" : `${count(ending.ended.length)} of it ended`}`;
    return { type: "transition", to: "LOST", reason, evidence, set };
  }
  if (desired.state !== "running") {
    const how = exit === undefined ? "" : `: main process ${describeExit(exit)}`;
    const verb = desired.mode === "kill" ? "killed" : "stopped";
    return { type: "transition", to: "STOPPED", reason: `${verb}, asked for by ${desired.by}${how}`, evidence, set };
  }
  if (exit === undefined) return { type: "transition", to: "LOST", reason: "nobody saw how it ended", evidence, set };
  const to = exit.code === 0 ? "COMPLETED" : "CRASHED";
  return { type: "transition", to, reason: `${describeExit(exit)}${left}`, evidence, set };
}

/** The host that started this attempt is gone, and with it the only evidence of how the process ended. */
function planHostLost(session: SessionRecord, facts: SessionFacts): SessionAction {
  const { observed } = session;
  if (observed.ending?.cause === "host-lost") return planEnding(session, observed.ending, facts);
  return {
    type: "transition",
    to: "STOPPING",
    reason: "its process host died: ending what is left of it",
    evidence: { hostId: observed.hostId, pid: observed.main?.pid },
    set: { ending: { cause: "host-lost", ended: observed.ending?.ended ?? [] } },
  };
}

function planEnded(session: SessionRecord, facts: SessionFacts): SessionAction {
  const { desired, spec, observed } = session;
  if (facts.main.state === "exited") {
    // One that was stuck in the kernel may end after its session did: how it ended is kept all the same.
    if (observed.exit === undefined) return { type: "record", set: { exit: facts.main.exit } };
    return { type: "acknowledge-exit" };
  }
  if (desired.state === "removed") return { type: "remove", force: desired.force };
  if (spec.removeWhenEnded && observed.fault === undefined) return { type: "remove", force: false };
  return { type: "rest" };
}

export function describeExit(exit: ExitPayload): string {
  if (exit.signal !== null) return `ended by signal ${exit.signal}`;
  return `exited with code ${exit.code ?? "unknown"}`;
}

/** What a shell would report: the code, or 128 plus the signal's number. */
export function exitCodeOf(exit: ExitPayload): number {
  if (exit.signal !== null) return 128 + (signalNumber(exit.signal) ?? 0);
  return exit.code ?? 125;
}

function leftBehind(ending: Ending, session: SessionRecord): string {
  if (session.spec.keepChildren || ending.ended.length === 0) return "";
  const names = ending.ended
    .slice(0, 3)
    .map((member) => `${member.pid} ${shortCommand(member.command, LEFT_BEHIND_COLUMNS)}`);
  const more = ending.ended.length > 3 ? `, and ${ending.ended.length - 3} more` : "";
  return `; left behind and ended: ${names.join(", ")}${more}`;
}

function count(processes: number): string {
  return processes === 1 ? "1 process" : `${processes} processes`;
}

function sameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTime === b.startTime;
}

/** The end of a session's tree, whoever or whatever began it, and what follows: an ended phase, or a further start. */
import type { ExitPayload } from "../../schemas/segment.ts";
import { shortCommand } from "../../schemas/text/short-command.ts";
import { describeExit } from "./describe-exit.ts";
import { decideRestart } from "./restart.ts";
import { type Ending, type ProcessIdentity, type SessionRecord, startAsked, type TreeMember } from "./session.ts";
import type { ObservedChange, SessionAction, SessionFacts } from "./session-action.ts";
import { NOT_STARTED, startNow } from "./start-now.ts";

/** How long after a SIGKILL the tree is looked at again: the kernel needs a moment to take a process away. */
const KILL_RECHECK_MS = 50;
/** How often a tree that has been asked to end is looked at: its members end without telling us. */
const ENDING_RECHECK_MS = 100;
/** A process that SIGKILL has not ended for so long is stuck in the kernel: it is named and no longer waited for. */
const KILL_PATIENCE_MS = 10_000;
/** Processes named in `ending`: of a fork bomb the first are enough to say what it was. */
export const MOST_ENDED_NAMED = 200;
/** Of a command in the reason of an end: its place is one line. */
const LEFT_BEHIND_COLUMNS = 40;

/** The main process has ended and nobody has looked yet at what it left. */
export function planLeftBehind(session: SessionRecord, exit: ExitPayload, facts: SessionFacts): SessionAction {
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

/** The host that started this attempt is gone, and with it the only evidence of how the process ended. */
export function planHostLost(session: SessionRecord, facts: SessionFacts): SessionAction {
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

export function planEnding(session: SessionRecord, ending: Ending, facts: SessionFacts): SessionAction {
  if (facts.tree === undefined) return { type: "look-for-tree" };
  const alive = facts.tree;
  if (facts.main.state !== "running" && alive.length === 0) return finish(session, ending, facts, []);
  if (ending.killedAtMs !== undefined) {
    if (facts.nowMs - ending.killedAtMs > KILL_PATIENCE_MS) return finish(session, ending, facts, alive);
    if (killsAgain(ending, alive, facts.nowMs)) return { type: "signal-tree", signal: "SIGKILL" };
    return { type: "wait", untilMs: facts.nowMs + KILL_RECHECK_MS };
  }
  if (endsAtOnce(session, ending)) return { type: "signal-tree", signal: "SIGKILL" };
  if (ending.terminatedAtMs === undefined) return { type: "signal-tree", signal: "SIGTERM" };
  const deadline = ending.terminatedAtMs + graceOf(session, ending);
  if (facts.nowMs >= deadline) return { type: "signal-tree", signal: "SIGKILL" };
  return { type: "wait", untilMs: Math.min(deadline, facts.nowMs + ENDING_RECHECK_MS) };
}

/** Somebody lives who was not sent one. Of more than are named nobody can be told apart: then all are, now and then. */
function killsAgain(ending: Ending, alive: readonly TreeMember[], nowMs: number): boolean {
  if (ending.ended.length < MOST_ENDED_NAMED) {
    return alive.some((member) => !ending.ended.some((one) => sameProcess(one, member)));
  }
  return nowMs - (ending.signalledAtMs ?? 0) >= KILL_RECHECK_MS;
}

function endsAtOnce({ desired }: SessionRecord, ending: Ending): boolean {
  if (ending.cause === "host-lost") return true;
  return desired.state !== "running" && desired.mode === "kill";
}

function graceOf({ desired, spec }: SessionRecord, ending: Ending): number {
  if (desired.state !== "running") return desired.graceMs;
  return ending.cause === "restart" ? (desired.restart?.graceMs ?? spec.graceMs) : spec.graceMs;
}

/** The tree is gone (or stuck in the kernel): what people asked for, its restart rule and its exit say what follows. */
function finish(
  session: SessionRecord,
  ending: Ending,
  facts: SessionFacts,
  stuck: readonly TreeMember[],
): SessionAction {
  const { observed, desired } = session;
  const { exit } = observed;
  const evidence = {
    ...(exit === undefined ? {} : { code: exit.code, signal: exit.signal }),
    ...(ending.ended.length === 0 ? {} : { ended: ending.ended }),
    ...(stuck.length === 0 ? {} : { stuck }),
  };
  const set: ObservedChange = { endedAtMs: observed.endedAtMs ?? facts.nowMs, ending: null };
  if (ending.cause !== "host-lost" && desired.state !== "running") {
    const how = exit === undefined ? "" : `: main process ${describeExit(exit)}`;
    const verb = desired.mode === "kill" ? "killed" : "stopped";
    return { type: "transition", to: "STOPPED", reason: `${verb}, asked for by ${desired.by}${how}`, evidence, set };
  }
  const end = endOf(session, ending, stuck.length);
  const reason = stuck.length === 0 ? end.reason : `${end.reason}; ${count(stuck.length)} of it cannot be ended`;
  const ended: SessionAction = { type: "transition", to: end.to, reason, evidence, set };
  // Two agents in one worktree must never be.
  if (desired.state !== "running" || stuck.length > 0) return ended;
  return planAgain(session, ending, facts, ended) ?? ended;
}

interface End {
  readonly to: "COMPLETED" | "CRASHED" | "LOST";
  readonly reason: string;
}

/** How it ended, were there no further start. */
function endOf(session: SessionRecord, ending: Ending, stuck: number): End {
  const { exit } = session.observed;
  if (ending.cause === "host-lost") {
    const left = ending.ended.length === 0 ? "nothing of it was left" : `${count(ending.ended.length)} of it ended`;
    return { to: "LOST", reason: `its process host died; ${left}` };
  }
  if (ending.cause === "stalled") {
    const silence = `no output for longer than its activity timeout`;
    return { to: "CRASHED", reason: exit === undefined ? silence : `${silence}; main process ${describeExit(exit)}` };
  }
  if (exit === undefined && stuck > 0) return { to: "CRASHED", reason: "it was to start anew, and did not end" };
  if (exit === undefined) return { to: "LOST", reason: "nobody saw how it ended" };
  const left = ending.cause === "left-behind" ? leftBehind(ending, session) : "";
  return { to: exit.code === 0 ? "COMPLETED" : "CRASHED", reason: `${describeExit(exit)}${left}` };
}

/** The further start that was asked for, or that its rule wants; undefined when none is due. */
function planAgain(
  session: SessionRecord,
  ending: Ending,
  facts: SessionFacts,
  end: SessionAction & { readonly type: "transition" },
): SessionAction | undefined {
  const { spec, desired, observed } = session;
  const asked = startAsked(session) && desired.state === "running" ? desired.restart : undefined;
  const hostLost = ending.cause === "host-lost";
  const decided = decideRestart(
    { ...session, observed: { ...observed, endedAtMs: observed.endedAtMs ?? facts.nowMs } },
    { nowMs: facts.nowMs, failed: end.to !== "COMPLETED", how: end.reason },
  );
  const again = asked !== undefined || (hostLost ? spec.restart.policy !== "never" : decided.type === "restart");
  // While the host remembers this exit it cannot end, and the next attempt would hide it.
  if (again && facts.main.state === "exited") return { type: "acknowledge-exit" };
  if (asked !== undefined) {
    const start = startNow(session, `${end.reason}; restart asked for by ${asked.by}`);
    return start.type === "transition" ? { ...start, evidence: { ...end.evidence, ...start.evidence } } : start;
  }
  if (hostLost) {
    if (spec.restart.policy === "never") return undefined;
    const set: ObservedChange = { ...NOT_STARTED, queuedAtMs: facts.nowMs, loginPassed: true };
    return { ...end, to: "PENDING", reason: `${end.reason}; starts again`, set };
  }
  if (decided.type === "none") return undefined;
  const evidence = { ...end.evidence, ...decided.evidence };
  if (decided.type === "used-up") return { ...end, to: "CRASHED", reason: decided.reason, evidence };
  const set: ObservedChange = { ...end.set, ...decided.set, hostId: null, main: null };
  return { ...end, to: "BACKOFF", reason: decided.reason, evidence, set };
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

export function sameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTime === b.startTime;
}

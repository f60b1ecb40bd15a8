/**
 * One session and the world around it, as a model: a process host, the processes of the session's tree, and a
 * controller that plans and applies as the weaver's does. A tick is a generator, so that a test can let anything happen
 * between any two of its steps, or drop it there (the supervisor was killed). The world checks each step as it is made.
 */

import type { ExitPayload } from "../../schemas/segment.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import type { Place } from "./admission.ts";
import { applyObservedChange } from "./observed-change.ts";
import { planSession } from "./plan-session.ts";
import {
  type Desired,
  type Ending,
  hasEnded,
  type Phase,
  type ProcessIdentity,
  type SessionRecord,
  type SessionSpec,
  startAsked,
  type TreeMember,
} from "./session.ts";
import type { ObservedChange, SessionAction, SessionFacts } from "./session-action.ts";

export interface ModelProcess {
  readonly member: TreeMember;
  readonly isMain: boolean;
  readonly ignoresTerm: boolean;
  /** Waits in the kernel: not even SIGKILL ends it. */
  stuck: boolean;
  alive: boolean;
  readonly signals: string[];
}

interface Hosted {
  readonly attempt: number;
  readonly process: ModelProcess;
  readonly startedAtMs: number;
  exit?: ExitPayload & { readonly atMs: number };
}

export type Settled =
  | { readonly type: "rest" }
  | { readonly type: "wait"; readonly untilMs: number }
  /** A port failed, or somebody wrote first: it is tried again. */
  | { readonly type: "retry" };

/** What the weaver would go round in before it gave up. */
const MOST_STEPS = 32;

export class SessionWorld {
  nowMs = 1_000_000;
  session: SessionRecord;
  removed = false;
  hostId = "host-1";
  hosted: Hosted | undefined;
  readonly processes: ModelProcess[] = [];
  /** Everything that ticks have done: writes, starts, signals, acknowledgements, removals. */
  readonly effects: string[] = [];
  /** Ports that fail in a way that may pass, until they are set right. */
  broken = false;
  /** The program cannot be started, whoever tries. */
  startFault = false;
  unsavedWork = false;
  place: Place = { free: true };
  /** When it last wrote; undefined while the clock of its silence stands. */
  wroteAtMs: number | undefined = this.nowMs;
  #lastPid = 100;
  /** As the tick under way has seen it. */
  #seenPlace: Place = this.place;

  constructor(spec: Partial<SessionSpec>) {
    this.session = sessionRecord({ spec });
  }

  /** One look of the weaver: plans and applies until there is nothing to do now. */
  *tick(): Generator<void, Settled> {
    let tree: readonly TreeMember[] | undefined;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      if (this.removed) return { type: "rest" };
      const session = this.session;
      const facts = this.#observe(session, tree);
      const action = planSession(session, facts);
      yield;
      tree = undefined;
      if (action.type === "rest") return { type: "rest" };
      if (action.type === "wait") {
        check(action.untilMs > facts.nowMs, "a wait is for later");
        return action;
      }
      if (action.type === "look-for-tree") {
        tree = this.members();
        continue;
      }
      const applied = yield* this.#apply(session, facts, action);
      if (applied === "retry") return { type: "retry" };
      if (action.type === "transition") tree = facts.tree;
    }
    throw new Error(`a tick that goes round in a circle: ${this.effects.slice(-6).join(", ")}`);
  }

  members(): readonly TreeMember[] {
    return this.processes.filter(({ alive }) => alive).map(({ member }) => member);
  }

  /** Another process in the tree; it does not matter whose child it is. */
  fork(options: { readonly ignoresTerm: boolean }): void {
    if (this.processes.some(({ alive, stuck }) => alive && !stuck)) this.#spawn({ isMain: false, ...options });
  }

  /** The process ends, for whatever reason; its host sees how, if it is the main process and the host lives. */
  end(process: ModelProcess, exit: ExitPayload): void {
    process.alive = false;
    if (this.hosted?.process === process) this.hosted.exit = { ...exit, atMs: this.nowMs };
  }

  /** It comes back from the kernel, and meets the SIGKILL that waited for it. */
  release(process: ModelProcess): void {
    process.stuck = false;
    if (process.alive && process.signals.includes("SIGKILL")) this.end(process, { code: null, signal: "SIGKILL" });
  }

  /** The process host dies, and with it what it knew; another takes its place. */
  loseHost(surviving: (process: ModelProcess) => boolean): void {
    this.hosted = undefined;
    this.hostId = `host-${Number(this.hostId.slice(5)) + 1}`;
    for (const process of this.processes) if (!surviving(process)) process.alive = false;
  }

  /** As the handlers of the API write it: a kill is never softened, and an ended session is only ever removed. */
  want(state: "stopped" | "removed", mode: "stop" | "kill", graceMs: number, force: boolean): void {
    const before = this.session.desired;
    const over = hasEnded(this.session.observed.phase) && !startAsked(this.session);
    if (this.removed || (state === "stopped" && over)) return;
    const kill = mode === "kill" || (before.state !== "running" && before.mode === "kill");
    const asked = { mode: kill ? "kill" : "stop", graceMs, requestedAtMs: this.nowMs, by: "the user" } as const;
    const removal = state === "removed" || before.state === "removed";
    const desired: Desired = removal ? { state: "removed", force, ...asked } : { state: "stopped", ...asked };
    this.session = { ...this.session, desired, revision: this.session.revision + 1 };
    if (state === "removed")
      this.session = { ...this.session, observed: applyObservedChange(this.session.observed, { fault: null }) };
  }

  /** As the handler of a restart writes it. */
  restart(): void {
    if (this.removed || this.session.desired.state === "removed") return;
    const restart = {
      afterAttempt: this.session.observed.attempt,
      graceMs: 500,
      requestedAtMs: this.nowMs,
      by: "the user",
    };
    this.session = {
      ...this.session,
      desired: { state: "running", restart },
      revision: this.session.revision + 1,
    };
  }

  #observe(session: SessionRecord, tree: readonly TreeMember[] | undefined): SessionFacts {
    const { hosted } = this;
    this.#seenPlace = this.place;
    const facts = {
      nowMs: this.nowMs,
      hostId: this.hostId,
      tree,
      place: this.place,
      quietMs: this.wroteAtMs === undefined ? undefined : this.nowMs - this.wroteAtMs,
      busyChildren: 0,
      logReaders: 0,
    };
    const known = hosted !== undefined && hosted.attempt === Math.max(1, session.observed.attempt);
    if (!known) return { ...facts, main: { state: "unknown" } };
    const { pid, startTime } = hosted.process.member;
    const identity: ProcessIdentity = { pid, startTime };
    const { startedAtMs, exit } = hosted;
    if (exit === undefined) return { ...facts, main: { state: "running", identity, startedAtMs } };
    const { code, signal, atMs } = exit;
    return { ...facts, main: { state: "exited", identity, startedAtMs, exit: { code, signal }, atMs } };
  }

  *#apply(session: SessionRecord, facts: SessionFacts, action: SessionAction): Generator<void, "next" | "retry"> {
    switch (action.type) {
      case "transition":
        return this.#write(session, action.set, action.to);
      case "record":
        return this.#write(session, action.set);
      case "prepare-workspace":
        if (this.broken) return "retry";
        yield;
        return this.#write({ ...session, workspace: { ...session.workspace, made: true } }, {});
      case "start-main":
        return yield* this.#start(session, facts, action.attempt);
      case "signal-tree":
        return yield* this.#signal(session, facts, action.signal);
      case "acknowledge-exit":
        if (this.broken) return "retry";
        this.#acknowledge();
        return "next";
      case "remove":
        return this.#remove(session, action.force);
      case "look-for-tree":
      case "wait":
      case "rest":
        return "next";
    }
  }

  *#start(session: SessionRecord, facts: SessionFacts, attempt: number): Generator<void, "next" | "retry"> {
    if (session.observed.attempt !== attempt || session.observed.hostId !== facts.hostId) {
      if (this.#write(session, { attempt, hostId: facts.hostId }) === "retry") return "retry";
    }
    const decided = this.session;
    yield;
    if (this.broken) return "retry";
    if (this.startFault) return this.#write(decided, { endedAtMs: facts.nowMs }, "CRASHED");
    if (this.hosted?.attempt === attempt) return "next";
    const left = this.processes.filter(({ alive, isMain }) => alive && (isMain || !session.spec.keepChildren));
    check(left.length === 0, "a session is started only when nothing of it is left");
    check(this.hosted?.exit === undefined, "an exit is acknowledged before the next attempt hides it");
    this.wroteAtMs &&= this.nowMs;
    this.effects.push(`start ${attempt}`);
    this.hosted = { attempt, process: this.#spawn({ isMain: true, ignoresTerm: false }), startedAtMs: this.nowMs };
    return "next";
  }

  /** First done, then recorded: a signal that is sent twice harms nobody, one that was never sent does. */
  *#signal(
    session: SessionRecord,
    facts: SessionFacts,
    signal: "SIGTERM" | "SIGKILL",
  ): Generator<void, "next" | "retry"> {
    if (this.broken) return "retry";
    const ending: Ending = session.observed.ending ?? { cause: "asked", ended: [] };
    const { desired, spec } = session;
    const atOnce = ending.cause === "host-lost" || (desired.state !== "running" && desired.mode === "kill");
    if (signal === "SIGKILL" && !atOnce && ending.killedAtMs === undefined) {
      const asked = ending.cause === "restart" && desired.state === "running" ? desired.restart?.graceMs : undefined;
      const graceMs = desired.state === "running" ? (asked ?? spec.graceMs) : desired.graceMs;
      const askedAtMs = ending.terminatedAtMs ?? Number.POSITIVE_INFINITY;
      check(facts.nowMs >= askedAtMs + graceMs, "SIGKILL comes only after SIGTERM and the grace");
    }
    const hit = this.processes.filter(({ alive }) => alive);
    this.effects.push(`${signal} to ${hit.length}`);
    for (const process of hit) {
      process.signals.push(signal);
      const ends = signal === "SIGKILL" ? !process.stuck : !process.ignoresTerm && !process.stuck;
      if (ends) this.end(process, { code: null, signal });
    }
    yield;
    const known = new Set(ending.ended.map(({ pid }) => pid));
    const ended = [...ending.ended, ...hit.map(({ member }) => member).filter(({ pid }) => !known.has(pid))];
    const times = {
      signalledAtMs: facts.nowMs,
      ...(signal === "SIGKILL" ? { killedAtMs: ending.killedAtMs ?? facts.nowMs } : { terminatedAtMs: facts.nowMs }),
    };
    return this.#write(session, { ending: { ...ending, ...times, ended } });
  }

  #acknowledge(): void {
    const exit = this.hosted?.exit;
    if (exit === undefined) return;
    const { code, signal } = exit;
    const recorded = this.session.observed.exit;
    check(recorded?.code === code && recorded.signal === signal, "an exit is acknowledged only once it is recorded");
    this.effects.push("acknowledge");
    this.hosted = undefined;
  }

  #remove(session: SessionRecord, force: boolean): "next" | "retry" {
    check(hasEnded(session.observed.phase), "only an ended session is removed");
    if (this.broken) return "retry";
    if (this.unsavedWork && !force) {
      const { desired } = session;
      const kept: Desired = desired.state === "removed" ? { ...desired, state: "stopped" } : desired;
      const fault = {
        code: "work-would-be-lost",
        message: "it has work that would be lost",
        retryable: false,
      } as const;
      return this.#write({ ...session, desired: kept }, { fault });
    }
    this.effects.push("remove");
    this.removed = true;
    return "next";
  }

  /** As the store does: refused when somebody wrote since the decision. */
  #write(decided: SessionRecord, set: ObservedChange, to?: Phase): "next" | "retry" {
    if (decided.revision !== this.session.revision) return "retry";
    const before = this.session.observed;
    const observed = applyObservedChange(before, set);
    if (to !== undefined) this.#checkTransition(before.phase, to, set);
    this.session = {
      ...decided,
      observed: to === undefined ? observed : { ...observed, phase: to },
      revision: decided.revision + 1,
    };
    this.effects.push(to === undefined ? `record ${Object.keys(set).join(" ")}` : `${before.phase} -> ${to}`);
    return "next";
  }

  #checkTransition(from: Phase, to: Phase, set: ObservedChange): void {
    const { desired, observed, spec } = this.session;
    const again = to === "PENDING" && startAsked(this.session);
    check(!hasEnded(from) || again, `nothing follows ${from}, and here ${to} did`);
    if (to === "BACKOFF") {
      check(desired.state === "running" && spec.restart.policy !== "never", "BACKOFF is what the rule asks for");
      const counted = set.countedRestarts?.length ?? 0;
      check(counted > 0 && counted <= spec.restart.maxRestarts, "no more restarts than the rule allows");
      check((set.nextStartAtMs ?? 0) <= this.nowMs + 60_000, "no backoff is longer than the longest");
    }
    // One that is started anew has kept its place.
    if (to === "STARTING" && (from === "PENDING" || from === "BACKOFF"))
      check(this.#seenPlace.free, "nobody starts without a place");
    if (to === "STARTING" && from === "BACKOFF" && !startAsked(this.session)) {
      check(this.nowMs >= (observed.nextStartAtMs ?? 0), "nobody starts before the backoff is over");
    }
    if (to === "STOPPED") check(desired.state !== "running", "STOPPED is what somebody asked for");
    if (to === "COMPLETED") check(observed.exit?.code === 0, "COMPLETED is exit code 0");
    if (to === "LOST") {
      check(
        observed.hostId !== this.hostId && observed.exit === undefined,
        "LOST is only what nobody could see the end of",
      );
      check(this.hosted === undefined, "nothing is LOST that the present host knows");
    }
    if (to === "STOPPING" && set.ending?.cause === "host-lost") {
      check(this.hosted === undefined, "a host is lost only when the present one knows nothing");
    }
    const startsAnew =
      to === "BACKOFF" || (to === "PENDING" && from === "STOPPING") || (to === "STARTING" && from === "STOPPING");
    if (!hasEnded(to) && !startsAnew) return;
    const mayLeave = spec.keepChildren && desired.state === "running";
    for (const process of this.processes.filter(({ alive }) => alive)) {
      const leftOnPurpose = mayLeave && !process.isMain;
      check(leftOnPurpose || process.signals.includes("SIGKILL"), `${to} leaves nobody alive that was not killed`);
      check(leftOnPurpose || !startsAnew, `${to} leaves nobody alive at all`);
    }
  }

  #spawn(options: { readonly isMain: boolean; readonly ignoresTerm: boolean }): ModelProcess {
    this.#lastPid += 1;
    const member = { pid: this.#lastPid, startTime: String(this.nowMs), command: "worker" };
    const process: ModelProcess = { member, stuck: false, alive: true, signals: [], ...options };
    this.processes.push(process);
    return process;
  }
}

function check(holds: boolean, law: string): void {
  if (!holds) throw new Error(`broken: ${law}`);
}

/** Reconciles one session: observe, plan (core), apply one step, and look again until there is nothing to do now. */
import type { Fault, Result } from "../../schemas/fault.ts";
import type { ProcessSpec } from "../../schemas/host-protocol.ts";
import { refreshLoginVariables } from "../core/environment.ts";
import { obstacleToRemoval } from "../core/family.ts";
import { MOST_ENDED_NAMED } from "../core/plan-ending.ts";
import { planSession } from "../core/plan-session.ts";
import type { Ending, ProcessIdentity, SessionRecord, TreeMember } from "../core/session.ts";
import type { ObservedChange, SessionAction, SessionFacts } from "../core/session-action.ts";
import type { NewTransition } from "../ports/store.ts";
import { DONE, type Outcome } from "./outcome.ts";
import { type ControllerParts, mainKey, observe } from "./session-facts.ts";

/** A tick that takes more steps than any life of a session needs is going round in a circle. */
const MOST_STEPS = 32;

export function createSessionController(parts: ControllerParts): (sessionId: string) => Promise<Outcome> {
  return async (sessionId) => {
    let tree: readonly TreeMember[] | undefined;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const session = parts.store.session(sessionId);
      if (session === undefined || session.hiveId !== parts.hive.id) return DONE;
      const facts = await observe(parts, session, tree);
      if (!facts.ok) return { type: "retry", fault: facts.fault };
      const action = planSession(session, facts.value);
      const applied = await apply(parts, session, facts.value, action);
      if (applied.type === "settled") {
        await appendMarkers(parts, sessionId);
        return applied.outcome;
      }
      // What was seen of the tree is stale once something was done to it.
      tree = applied.tree;
    }
    const fault: Fault = {
      code: "failed",
      message: `session ${sessionId} took ${MOST_STEPS} steps in one tick`,
      retryable: true,
    };
    return { type: "retry", fault };
  };
}

type Applied =
  | { readonly type: "settled"; readonly outcome: Outcome }
  | { readonly type: "next"; readonly tree?: readonly TreeMember[] };

const NEXT: Applied = { type: "next" };

function settled(outcome: Outcome): Applied {
  return { type: "settled", outcome };
}

async function apply(
  parts: ControllerParts,
  session: SessionRecord,
  facts: SessionFacts,
  action: SessionAction,
): Promise<Applied> {
  const { store, hive } = parts;
  switch (action.type) {
    case "rest":
      return settled(DONE);
    case "wait":
      return settled({ type: "again", afterMs: Math.max(0, action.untilMs - facts.nowMs) });
    case "transition": {
      const { to, reason, evidence, set } = action;
      const lost = set.ending?.cause === "host-lost" && session.observed.attempt > 0;
      if (lost) {
        const gap = await hive.processes.appendGap(mainKey(session), { bytes: null, reason: "host-lost" });
        if (!gap.ok && gap.fault.retryable) return settled({ type: "retry", fault: gap.fault });
      }
      store.changeSession(session.id, session.revision, {
        observed: set,
        transition: { atMs: facts.nowMs, to, reason, evidence },
      });
      // Told in the log of the attempt that ended, before the next one begins.
      if (to === "BACKOFF") await appendMarkers(parts, session.id);
      return { type: "next", ...(facts.tree === undefined ? {} : { tree: facts.tree }) };
    }
    case "record":
      store.changeSession(session.id, session.revision, { observed: action.set });
      return NEXT;
    case "prepare-workspace":
      return prepareWorkspace(parts, session, facts);
    case "start-main":
      return startMain(parts, session, facts, action.attempt);
    case "look-for-tree": {
      const members = await hive.trees.members(session.id, mainOf(session, facts));
      return members.ok ? { type: "next", tree: members.value } : settled({ type: "retry", fault: members.fault });
    }
    case "signal-tree":
      return signalTree(parts, session, facts, action.signal);
    case "acknowledge-exit": {
      const done = await hive.processes.acknowledgeExit(mainKey(session));
      // Nothing was done to the tree: what was seen of it still holds.
      return done.ok
        ? { type: "next", ...(facts.tree === undefined ? {} : { tree: facts.tree }) }
        : settled({ type: "retry", fault: done.fault });
    }
    case "remove":
      return remove(parts, session, action.force);
  }
}

/** The session's main process, as recorded or, before that, as seen. */
function mainOf(session: SessionRecord, facts: SessionFacts): ProcessIdentity | undefined {
  return session.observed.main ?? (facts.main.state === "unknown" ? undefined : facts.main.identity);
}

async function prepareWorkspace(parts: ControllerParts, session: SessionRecord, facts: SessionFacts): Promise<Applied> {
  const made = await parts.hive.workspaces.prepare(session.id, session.workspace);
  if (!made.ok) return cannotStart(parts, session, facts, "its worktree could not be made", made.fault);
  parts.store.changeSession(session.id, session.revision, { workspace: { ...made.value, made: true } });
  return NEXT;
}

/** The attempt and its host are recorded before the process is made: a crash in between finds it by them. */
async function startMain(
  parts: ControllerParts,
  session: SessionRecord,
  facts: SessionFacts,
  attempt: number,
): Promise<Applied> {
  const { store, hive } = parts;
  let current = session;
  if (session.observed.attempt !== attempt || session.observed.hostId !== facts.hostId) {
    current = store.changeSession(session.id, session.revision, { observed: { attempt, hostId: facts.hostId } });
  }
  const environment = await environmentOf(parts, current);
  if (!environment.ok) return settled({ type: "retry", fault: environment.fault });
  const { spec, workspace } = current;
  const request: ProcessSpec = {
    key: mainKey(current),
    argv: spec.argv,
    cwd: workspace.cwd,
    environment: environment.value,
    stdio: spec.stdio,
    size: { columns: spec.columns, rows: spec.rows },
  };
  const started = await hive.processes.start(request);
  if (!started.ok) return cannotStart(parts, current, facts, "could not start", started.fault);
  return NEXT;
}

/** As it was given; after the login that it came from has passed, with what of it the present one has. */
async function environmentOf(
  { hive }: ControllerParts,
  { spec, observed }: SessionRecord,
): Promise<Result<Readonly<Record<string, string>>>> {
  if (observed.loginPassed !== true) return { ok: true, value: spec.environment };
  const login = await hive.machine.loginEnvironment();
  if (!login.ok) return login;
  return { ok: true, value: refreshLoginVariables(spec.environment, spec.askedVariables, login.value) };
}

/** What may pass is tried again; what cannot ends the session, with the reason that people see. */
function cannotStart(
  parts: ControllerParts,
  session: SessionRecord,
  facts: SessionFacts,
  what: string,
  fault: Fault,
): Applied {
  if (fault.retryable) return settled({ type: "retry", fault });
  const observed: ObservedChange = { endedAtMs: facts.nowMs, fault };
  const transition: NewTransition = {
    atMs: facts.nowMs,
    to: "CRASHED",
    reason: `${what}: ${fault.message}`,
    evidence: { code: fault.code, ...(fault.hint === undefined ? {} : { hint: fault.hint }), ...fault.data },
  };
  parts.store.changeSession(session.id, session.revision, { observed, transition });
  return NEXT;
}

/**
 * Sent first, then recorded: after a crash or a failure in between it is sent once more, which harms nobody. A signal
 * that was recorded and never sent would leave processes alive in a session that is said to have ended.
 */
async function signalTree(
  parts: ControllerParts,
  session: SessionRecord,
  facts: SessionFacts,
  signal: "SIGTERM" | "SIGKILL",
): Promise<Applied> {
  const ending: Ending = session.observed.ending ?? { cause: "asked", ended: [] };
  const signalled = await parts.hive.trees.signal(session.id, mainOf(session, facts), signal);
  if (!signalled.ok) return settled({ type: "retry", fault: signalled.fault });
  const sentAtMs = parts.clock.now();
  const times = signal === "SIGKILL" ? { killedAtMs: ending.killedAtMs ?? sentAtMs } : { terminatedAtMs: sentAtMs };
  const ended = mergeEnded(ending.ended, signalled.value);
  parts.store.changeSession(session.id, session.revision, {
    observed: { ending: { ...ending, ...times, signalledAtMs: sentAtMs, ended } },
  });
  return NEXT;
}

function mergeEnded(before: readonly TreeMember[], now: readonly TreeMember[]): readonly TreeMember[] {
  const known = new Set(before.map((member) => `${member.pid} ${member.startTime}`));
  return [...before, ...now.filter((member) => !known.has(`${member.pid} ${member.startTime}`))].slice(
    0,
    MOST_ENDED_NAMED,
  );
}

/** Worktree first, then the log, the record last: a crash in between finds the record and goes on. */
async function remove(parts: ControllerParts, session: SessionRecord, force: boolean): Promise<Applied> {
  const { store, hive, clock } = parts;
  const obstacle = obstacleToRemoval(session, store.sessions());
  if (obstacle !== undefined) {
    keepAfterRefusedRemoval(parts, session, obstacle);
    return settled({ type: "stuck", fault: obstacle });
  }
  const removed = await hive.workspaces.remove(session.id, session.workspace, { force });
  if (!removed.ok) {
    if (removed.fault.retryable) return settled({ type: "retry", fault: removed.fault });
    keepAfterRefusedRemoval(parts, session, removed.fault);
    return settled({ type: "stuck", fault: removed.fault });
  }
  const forgotten = await hive.processes.forgetSession(session.id);
  if (!forgotten.ok) return settled({ type: "retry", fault: forgotten.fault });
  store.removeSession(
    session.id,
    clock.now(),
    removed.value.savedAs === undefined ? {} : { savedAs: removed.value.savedAs },
  );
  return settled(DONE);
}

/** Nothing was removed: the session is as it was, says why, and can be asked for again. */
function keepAfterRefusedRemoval(parts: ControllerParts, session: SessionRecord, fault: Fault): void {
  const { desired } = session;
  parts.store.changeSession(session.id, session.revision, {
    ...(desired.state === "removed"
      ? {
          desired: {
            state: "stopped",
            mode: desired.mode,
            graceMs: desired.graceMs,
            requestedAtMs: desired.requestedAtMs,
            by: desired.by,
          },
        }
      : {}),
    observed: { fault },
  });
}

/**
 * Puts committed transitions into the session's log, in their place. One that fails is tried in the next tick: the
 * process host knows a marker's id, so that none stands there twice. Before the first start there is no log.
 */
async function appendMarkers(parts: ControllerParts, sessionId: string): Promise<void> {
  const { store, hive, log } = parts;
  for (const transition of store.unmarkedTransitions(sessionId)) {
    if (transition.attempt > 0) {
      const text = `${transition.from ?? "NEW"} -> ${transition.to}: ${transition.reason}`;
      const key = { sessionId, process: "main", attempt: transition.attempt };
      const appended = await hive.processes.appendMarker(key, {
        id: `transition:${transition.id}`,
        marker: "transition",
        text,
      });
      if (!appended.ok) {
        log.warn("a marker could not be written", { sessionId, transition: transition.id, fault: appended.fault });
        return;
      }
    }
    store.markTransitions([transition.id]);
  }
}

/** session/restart: records that a further start is wanted. The weaver ends what runs, and starts it in its turn. */
import { type Fault, failed, fault, ok } from "../../../schemas/fault.ts";
import { obstacleToChild } from "../../core/family.ts";
import { mayStartAgain, type SessionRecord } from "../../core/session.ts";
import type { Handler } from "../handler.ts";
import { nameConflict } from "../living-names.ts";
import { resolveSelection } from "../resolve.ts";
import { describeCaller, named, type Services } from "../services.ts";

export function restartHandler(services: Services): Handler<"session/restart"> {
  const { store, clock } = services;
  return (params, { caller }) => {
    const found = resolveSelection(store, caller, params.sessions);
    if (!found.ok) return found;
    const isNamed = "references" in params.sessions;
    const targets = isNamed ? found.value : found.value.filter(isLiving);
    const restarted: SessionRecord[] = [];
    // Nothing is begun when anything is refused: of ten that are named, none is started.
    for (const session of targets) {
      const wanted = {
        afterAttempt: session.observed.attempt,
        graceMs: params.graceMs ?? session.spec.graceMs,
        requestedAtMs: clock.now(),
        by: describeCaller(caller),
      };
      const refused = obstacleToRestart(services, session, restarted);
      if (refused !== undefined) return failed(refused);
      restarted.push({ ...session, desired: { state: "running", restart: wanted } });
    }
    for (const { id, revision, desired } of restarted) store.changeSession(id, revision, { desired });
    return ok({
      sessions: restarted.map((session) => ({ ...named(session), attempt: session.observed.attempt + 1 })),
    });
  };
}

/** Of those that are chosen by no name: an ended one is history, and one that is to be removed is no longer wanted. */
function isLiving(session: SessionRecord): boolean {
  return mayStartAgain(session) && session.desired.state !== "removed";
}

/** `others` are those that this request starts too. */
function obstacleToRestart(
  { store, settings }: Services,
  session: SessionRecord,
  others: readonly SessionRecord[],
): Fault | undefined {
  if (session.desired.state === "removed") {
    return fault("conflict", `${session.name} is being removed`, {
      hint: `whether that was done: overmind describe ${session.id}`,
    });
  }
  const startedToo = new Map(others.map((other) => [other.id, other]));
  const all = store.sessions().map((other) => startedToo.get(other.id) ?? other);
  const parent = session.parentId === undefined ? undefined : store.session(session.parentId);
  const isChildAgain = parent !== undefined && mayStartAgain(parent);
  const besides = all.filter((other) => other.id !== session.id);
  return (
    nameConflict(all, session.name, session.id) ??
    (isChildAgain ? obstacleToChild(parent, besides, settings()) : undefined)
  );
}

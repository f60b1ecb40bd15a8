/** Ending sessions: session/stop, session/remove, session/prune. Each records what is wanted, nothing more. */
import { failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import { familiesOf } from "../../core/family.ts";
import { type Desired, mayStartAgain, type SessionRecord } from "../../core/session.ts";
import type { Store } from "../../ports/store.ts";
import type { Handler } from "../handler.ts";
import { resolveSelection } from "../resolve.ts";
import { describeCaller, named, type Services } from "../services.ts";

export function stopHandler(services: Services): Handler<"session/stop"> {
  const { store } = services;
  return (params, { caller }) => {
    const found = resolveSelection(store, caller, params.sessions);
    if (!found.ok) return found;
    const chosen = new Set(found.value);
    const isCascade = params.cascade ?? false;
    // Of descendants those that had ended before are nobody's concern.
    const family = familyOf(store, found.value, isCascade).filter((one) => chosen.has(one) || mayStartAgain(one));
    const by = describeCaller(caller);
    for (const session of family) {
      if (!mayStartAgain(session)) continue;
      const wanted = wantedEnd(services, session, { mode: params.mode, graceMs: params.graceMs, by, isCascade });
      store.changeSession(session.id, session.revision, { desired: wanted });
    }
    return ok({ sessions: family.map(named) });
  };
}

/** With `isCascade` all descendants too, children before their parents. */
function familyOf(store: Store, chosen: readonly SessionRecord[], isCascade: boolean): readonly SessionRecord[] {
  return isCascade ? familiesOf(chosen, store.sessions()) : chosen;
}

interface End {
  readonly mode: "stop" | "kill";
  readonly graceMs: number | undefined;
  readonly by: string;
  /** Its own end begins when its children's is over; the weaver sees to it. */
  readonly isCascade: boolean;
}

/** A stop under way is never softened: a kill that was asked for stays one, and its time counts from the first. */
function wantedEnd(services: Services, session: SessionRecord, end: End): Exclude<Desired, { state: "running" }> {
  const before = session.desired;
  const { mode, by } = end;
  const wanted = { mode, graceMs: end.graceMs ?? session.spec.graceMs, requestedAtMs: services.clock.now(), by };
  const order = end.isCascade ? { childrenFirst: true as const } : {};
  if (before.state === "running") return { state: "stopped", ...wanted, ...order };
  // Whoever asks without its children does not wait for them any longer.
  const { childrenFirst: _, ...asBefore } = before;
  const hardened = before.mode === "kill" ? { mode: "kill" as const, by: before.by } : {};
  return { ...asBefore, ...wanted, graceMs: end.graceMs ?? before.graceMs, ...hardened, ...order };
}

export function removeHandler(services: Services): Handler<"session/remove"> {
  const { store } = services;
  return async (params, { caller }) => {
    const found = resolveSelection(store, caller, params.sessions);
    if (!found.ok) return found;
    const isCascade = params.cascade ?? false;
    const family = familyOf(store, found.value, isCascade);
    const force = params.force ?? false;
    // Nothing is begun when anything would be lost: of ten that are named, none is half gone.
    const refused = force ? undefined : await firstWithUnsavedWork(services, family);
    if (refused !== undefined) return failed(refused);
    const end = { mode: "stop", graceMs: params.graceMs, by: describeCaller(caller), isCascade } as const;
    // Looked at again: children that were born meanwhile are no strangers.
    const all = familyOf(store, found.value, isCascade);
    for (const { id } of all) wantRemoved(services, id, force, end);
    return ok({ sessions: all.map(named) });
  };
}

function wantRemoved(services: Services, id: string, force: boolean, end: End): void {
  const session = services.store.session(id);
  if (session === undefined) return;
  services.store.changeSession(id, session.revision, {
    desired: { ...wantedEnd(services, session, end), state: "removed", force },
    observed: { fault: null },
  });
}

async function firstWithUnsavedWork(services: Services, sessions: readonly SessionRecord[]) {
  for (const session of sessions) {
    const unsaved = await unsavedWork(services, session);
    if (!unsaved.ok) return unsaved.fault;
    if (unsaved.value.length > 0) {
      return fault("work-would-be-lost", `${session.name} has work that would be lost: ${unsaved.value.join("; ")}`, {
        hint: `commit or merge it (${session.workspace.path}), or remove it all the same: overmind rm --force ${session.name}`,
        data: { session: session.name, work: unsaved.value },
      });
    }
  }
  return undefined;
}

function unsavedWork(services: Services, session: SessionRecord): Promise<Result<readonly string[]>> {
  if (!session.workspace.made) return Promise.resolve(ok([]));
  return services.hive.workspaces.unsavedWork(session.workspace);
}

export function pruneHandler(services: Services): Handler<"session/prune"> {
  const { store } = services;
  return async (_params, { caller }) => {
    const removing: { id: string; name: string }[] = [];
    const kept: { id: string; name: string; why: string }[] = [];
    for (const session of store.sessions()) {
      if (mayStartAgain(session)) continue;
      const unsaved = await unsavedWork(services, session);
      const why = unsaved.ok ? unsaved.value.join("; ") : unsaved.fault.message;
      if (why !== "") {
        kept.push({ ...named(session), why });
        continue;
      }
      const end = { mode: "stop", graceMs: undefined, by: describeCaller(caller), isCascade: false } as const;
      wantRemoved(services, session.id, false, end);
      removing.push(named(session));
    }
    return ok({ removing, kept });
  };
}

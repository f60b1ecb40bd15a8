/** Ending sessions: session/stop, session/remove, session/prune. Each records what is wanted, nothing more. */
import { failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import { type Desired, hasEnded, type SessionRecord } from "../../core/session.ts";
import type { Handler } from "../handler.ts";
import { resolveSelection } from "../resolve.ts";
import { describeCaller, named, type Services } from "../services.ts";

export function stopHandler(services: Services): Handler<"session/stop"> {
  const { store } = services;
  return (params, { caller }) => {
    const found = resolveSelection(store, caller, params.sessions);
    if (!found.ok) return found;
    for (const session of found.value) {
      if (hasEnded(session.observed.phase)) continue;
      store.changeSession(session.id, session.revision, {
        desired: stopped(services, session, params.mode, params.graceMs, describeCaller(caller)),
      });
    }
    return ok({ sessions: found.value.map(named) });
  };
}

/** A stop under way is never softened: a kill that was asked for stays one, and its time counts from the first. */
function stopped(
  services: Services,
  session: SessionRecord,
  mode: "stop" | "kill",
  graceMs: number | undefined,
  by: string,
): Exclude<Desired, { state: "running" }> {
  const before = session.desired;
  const wanted = { mode, graceMs: graceMs ?? session.spec.graceMs, requestedAtMs: services.clock.now(), by };
  if (before.state === "running") return { state: "stopped", ...wanted };
  const hardened = before.mode === "kill" ? { mode: "kill" as const, by: before.by } : {};
  return { ...before, ...wanted, graceMs: graceMs ?? before.graceMs, ...hardened };
}

export function removeHandler(services: Services): Handler<"session/remove"> {
  const { store } = services;
  return async (params, { caller }) => {
    const found = resolveSelection(store, caller, params.sessions);
    if (!found.ok) return found;
    const force = params.force ?? false;
    // Nothing is begun when anything would be lost: of ten that are named, none is half gone.
    const refused = force ? undefined : await firstWithUnsavedWork(services, found.value);
    if (refused !== undefined) return failed(refused);
    for (const { id } of found.value) wantRemoved(services, id, force, params.graceMs, describeCaller(caller));
    return ok({ sessions: found.value.map(named) });
  };
}

function wantRemoved(services: Services, id: string, force: boolean, graceMs: number | undefined, by: string): void {
  const session = services.store.session(id);
  if (session === undefined) return;
  const wanted = stopped(services, session, "stop", graceMs, by);
  services.store.changeSession(id, session.revision, {
    desired: { ...wanted, state: "removed", force },
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
      if (!hasEnded(session.observed.phase)) continue;
      const unsaved = await unsavedWork(services, session);
      const why = unsaved.ok ? unsaved.value.join("; ") : unsaved.fault.message;
      if (why !== "") {
        kept.push({ ...named(session), why });
        continue;
      }
      wantRemoved(services, session.id, false, undefined, describeCaller(caller));
      removing.push(named(session));
    }
    return ok({ removing, kept });
  };
}

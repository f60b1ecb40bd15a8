/** session/wait: answers when the session has come to where the caller waits for. Nothing is polled. */
import type { MethodName, Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { ok } from "../../../schemas/fault.ts";
import { hasEnded, type SessionRecord, type TreeMember } from "../../core/session.ts";
import type { Disposable } from "../../ports/hive.ts";
import type { Handler } from "../handler.ts";
import { resolveSession } from "../resolve.ts";
import type { Services } from "../services.ts";
import { viewOf } from "./views.ts";

type Waited = ResultOf<"session/wait" & MethodName>;

export function waitHandler(services: Services): Handler<"session/wait"> {
  const { store, clock } = services;
  return (params, { caller, cancelled }) => {
    const found = resolveSession(store, caller, params.session);
    if (!found.ok) return found;
    const { id } = found.value;
    return new Promise((resolve) => {
      const held: Disposable[] = [];
      const finish = (waited: Waited) => {
        for (const one of held) one.dispose();
        resolve(ok(waited));
      };
      const look = () => {
        const waited = arrived(services, id, params.until);
        if (waited !== undefined) finish(waited);
        return waited !== undefined;
      };
      if (look()) return;
      const stop = () => finish(present(services, id, true));
      held.push(store.onChange((change) => void (change.sessionId === id && look())));
      if (params.timeoutMs !== undefined) held.push(clock.after(params.timeoutMs, stop));
      cancelled.addEventListener("abort", stop, { once: true });
      held.push({ dispose: () => cancelled.removeEventListener("abort", stop) });
    });
  };
}

function arrived(services: Services, id: string, until: Params<"session/wait">["until"]): Waited | undefined {
  const session = services.store.session(id);
  if (session === undefined) return { session: null, timedOut: false, ended: [] };
  const { phase } = session.observed;
  const there =
    until === "removed"
      ? session.observed.fault !== undefined && session.desired.state !== "removed" && hasEnded(phase)
      : until === "started"
        ? phase !== "PENDING" && phase !== "STARTING"
        : hasEnded(phase);
  return there ? present(services, id, false) : undefined;
}

function present(services: Services, id: string, timedOut: boolean): Waited {
  const session = services.store.session(id);
  if (session === undefined) return { session: null, timedOut, ended: [] };
  const { fault } = session.observed;
  return {
    session: viewOf(services, session),
    timedOut,
    ...(fault === undefined ? {} : { fault }),
    ended: endedProcesses(services, session),
  };
}

/** Those that the last ending signalled, as its transition recorded them. */
function endedProcesses(services: Services, session: SessionRecord): { pid: number; command: string }[] {
  const last = services.store.transitions(session.id).at(-1);
  const ended = last?.evidence.ended as readonly TreeMember[] | undefined;
  return (ended ?? []).map(({ pid, command }) => ({ pid, command }));
}

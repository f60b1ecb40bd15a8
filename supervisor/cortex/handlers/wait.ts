/** session/wait: answers when the session has come to where the caller waits for. Nothing is polled. */
import type { MethodName, Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { ok } from "../../../schemas/fault.ts";
import { mayStartAgain, type Phase, type SessionRecord, type TreeMember } from "../../core/session.ts";
import type { Disposable } from "../../ports/hive.ts";
import type { Handler } from "../handler.ts";
import { resolveSession } from "../resolve.ts";
import type { Services } from "../services.ts";
import { viewOf } from "./views.ts";

/** Its present attempt has been made; PENDING and STARTING are before it, whatever was before them. */
const STARTED_PHASES: ReadonlySet<Phase> = new Set(["RUNNING", "STOPPING", "BACKOFF"]);

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
        const waited = arrived(services, id, params);
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

function arrived(services: Services, id: string, { until, attempt }: Params<"session/wait">): Waited | undefined {
  const session = services.store.session(id);
  if (session === undefined) return { session: null, timedOut: false, ended: [] };
  return isThere(session, until, attempt ?? 0) ? present(services, id, false) : undefined;
}

function isThere(session: SessionRecord, until: Params<"session/wait">["until"], attempt: number): boolean {
  const { observed, desired } = session;
  const isOver = !mayStartAgain(session);
  switch (until) {
    case "removed":
      return observed.fault !== undefined && desired.state !== "removed" && isOver;
    case "started":
      // Of one that has ended and is wanted no more the start that is waited for never comes.
      return isOver || (observed.attempt >= attempt && STARTED_PHASES.has(observed.phase));
    case "ended":
      return isOver;
  }
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

/** Reading sessions: session/list, session/table, session/get. */
import type { Result } from "../../../schemas/fault.ts";
import { ok } from "../../../schemas/fault.ts";
import type { SessionGlimpse, SessionView } from "../../../schemas/session-view.ts";
import { sessionTable } from "../../../schemas/text/session-table.ts";
import { parseLabelSelector } from "../../core/label-selector.ts";
import { hasEnded, type SessionRecord } from "../../core/session.ts";
import { mayRead } from "../access.ts";
import type { Caller, Handler } from "../handler.ts";
import { resolveSession } from "../resolve.ts";
import type { Services } from "../services.ts";
import { transitionView } from "../session-view.ts";
import { viewOf } from "./views.ts";

interface ListQuery {
  readonly all?: boolean | undefined;
  readonly selector?: string | undefined;
  readonly colony?: string | undefined;
}

interface Listed {
  readonly sessions: readonly SessionView[];
  /** What a session sees of those that are not its own. */
  readonly others: readonly SessionGlimpse[];
}

export function listHandler(services: Services): Handler<"session/list"> {
  return async (params, { caller }) => {
    const io = params.io ?? false;
    if (io || params.usage === true) await services.usage.sample({ io });
    const listed = list(services, caller, params);
    return listed.ok ? ok({ sessions: [...listed.value.sessions], others: [...listed.value.others] }) : listed;
  };
}

export function tableHandler(services: Services): Handler<"session/table"> {
  return async (params, { caller }) => {
    if (params.wide === true) await services.usage.sample();
    const listed = list(services, caller, params);
    if (!listed.ok) return listed;
    const text = sessionTable(listed.value.sessions, {
      nowMs: services.clock.now(),
      wide: params.wide ?? false,
      tree: params.tree ?? false,
      colour: params.colour ?? false,
      others: listed.value.others,
    });
    return ok({ text });
  };
}

/** The living, the crashed and the lost; with `all` also the completed and the stopped. */
function list(services: Services, caller: Caller, query: ListQuery): Result<Listed> {
  const selector = parseLabelSelector(query.selector ?? "");
  if (!selector.ok) return selector;
  const shown = services.store
    .sessions(query.colony === undefined ? {} : { colony: query.colony })
    .filter((session) => query.all === true || isShownByDefault(session))
    .filter((session) => selector.value(session.labels));
  const own: SessionRecord[] = [];
  const others: SessionRecord[] = [];
  for (const session of shown) (mayRead(services.store, caller, session) ? own : others).push(session);
  return ok({
    sessions: own.map((session) => viewOf(services, session)),
    others: others.map((session) => {
      const { name, phase, activity } = viewOf(services, session);
      return { name, phase, activity };
    }),
  });
}

function isShownByDefault(session: SessionRecord): boolean {
  const { phase } = session.observed;
  return !hasEnded(phase) || phase === "CRASHED" || phase === "LOST";
}

export function getHandler(services: Services): Handler<"session/get"> {
  const { store, hive } = services;
  return async (params, { caller }) => {
    const found = resolveSession(store, caller, params.session);
    if (!found.ok) return found;
    if (params.usage === true) await services.usage.sample();
    const session = store.session(found.value.id) ?? found.value;
    const streams = await hive.streams.list(session.id);
    return ok({
      session: viewOf(services, session),
      transitions: store.transitions(session.id).map(transitionView),
      environment: params.showEnvironment === true ? { ...session.spec.environment } : null,
      logs: streams.ok
        ? streams.value.map(({ key, firstOffset, endOffset }) => ({
            process: key.process,
            attempt: key.attempt,
            firstOffset,
            endOffset,
          }))
        : [],
    });
  };
}

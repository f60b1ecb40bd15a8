/** The supervisor itself: supervisor/status, supervisor/table, supervisor/stop, settings/reload. */
import { ok } from "../../../schemas/fault.ts";
import type { StatusView } from "../../../schemas/session-view.ts";
import { statusText } from "../../../schemas/text/status.ts";
import { hasEnded, mayStartAgain } from "../../core/session.ts";
import type { Handler } from "../handler.ts";
import { describeCaller, named, type Services } from "../services.ts";
import { iso } from "../session-view.ts";

export function statusHandler(services: Services): Handler<"supervisor/status"> {
  return () => ok(status(services));
}

export function statusTableHandler(services: Services): Handler<"supervisor/table"> {
  return (params) =>
    ok({ text: statusText(status(services), { nowMs: services.clock.now(), colour: params.colour ?? false }) });
}

function status(services: Services): StatusView {
  const { identity, store, hive } = services;
  const sessions: Partial<Record<string, number>> = {};
  let waiting = 0;
  for (const session of store.sessions()) {
    const { phase } = session.observed;
    sessions[phase] = (sessions[phase] ?? 0) + 1;
    if (!hasEnded(phase) && services.activity.of(session.id) === "waiting") waiting += 1;
  }
  return {
    supervisor: {
      version: identity.version,
      buildId: identity.buildId,
      pid: identity.pid,
      startedAt: iso(identity.startedAtMs),
      memoryBytes: services.supervisorMemoryBytes(),
      home: identity.home,
      endpoint: identity.endpoint,
    },
    host: services.host() ?? null,
    hiveId: hive.id,
    sessions: sessions as StatusView["sessions"],
    waiting,
    screens: services.screens.usage(),
  };
}

/** Without `sessions` they go on; with it they are asked to stop, and the supervisor ends once they have. */
export function stopSupervisorHandler(services: Services): Handler<"supervisor/stop"> {
  const { store, clock } = services;
  return async (params, { caller }) => {
    const living = params.sessions === true ? store.sessions().filter(mayStartAgain) : [];
    for (const session of living) {
      if (session.desired.state !== "running") continue;
      store.changeSession(session.id, session.revision, {
        desired: {
          state: "stopped",
          mode: "stop",
          graceMs: session.spec.graceMs,
          requestedAtMs: clock.now(),
          by: `${describeCaller(caller)} (supervisor stop --sessions)`,
        },
      });
    }
    await allEnded(
      services,
      living.map((session) => session.id),
    );
    services.stopSupervisor();
    return ok({ stopping: living.map(named) });
  };
}

function allEnded(services: Services, ids: readonly string[]): Promise<void> {
  const { store } = services;
  const over = () =>
    ids.every((id) => {
      const session = store.session(id);
      return session === undefined || !mayStartAgain(session);
    });
  if (over()) return Promise.resolve();
  return new Promise((resolve) => {
    const listening = store.onChange(() => {
      if (!over()) return;
      listening.dispose();
      resolve();
    });
  });
}

export function reloadSettingsHandler(services: Services): Handler<"settings/reload"> {
  return async () => {
    await services.reloadSettings();
    return ok({});
  };
}
